"""When somebody is reminded to verify survival."""

from datetime import date, timedelta

import pytest

from domain.facts import Channel, Department, Known, Reference, SurvivalVerified
from domain.survival import reminded_after, verification
from infra.statutes import the_law


@pytest.mark.parametrize("city", ["440300", "410100", "210200", "421200", "110000"])
def test_nobody_is_reminded_sooner_after_a_verification_than_the_law_says_of_everybody(city: str) -> None:
    law = the_law()
    for days in range(0, 3_000, 7):
        verified = date(2019, 1, 29) + timedelta(days=days)
        fact = SurvivalVerified(effective=verified, channel=Channel.VISIT)
        known = Known(reference=Reference("/x", "1"), department=Department.AGENCY, learnt=verified, fact=fact)
        found = verification((known,), law, city)
        assert found is not None
        assert found.warned - verified >= reminded_after(law)
