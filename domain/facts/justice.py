"""Facts of custody and sentences."""

from datetime import date
from enum import StrEnum

from domain.facts.base import Fact, Text


class Sentence(StrEnum):
    """Kinds of sentence, by what they do to a pension (劳社厅函〔2001〕44号)."""

    FIXED_TERM = "fixed-term"
    LIFE = "life"
    DEATH_REPRIEVED = "death-reprieved"
    CRIMINAL_DETENTION = "criminal-detention"
    SURVEILLANCE = "public-surveillance"
    SUSPENDED = "suspended-sentence"
    OUTSIDE_PRISON = "served-outside-prison"

    @property
    def custodial(self) -> bool:
        """Whether it is served in prison or a detention house."""
        return self not in (Sentence.SURVEILLANCE, Sentence.SUSPENDED, Sentence.OUTSIDE_PRISON)


class Justice(Fact, frozen=True, kw_only=True):
    """A fact of one case; `case`: its number, where told."""

    case: Text | None = None


class Wanted(Justice, frozen=True, tag="wanted.v1"):
    """Sought by the police since `effective`."""


class Detained(Justice, frozen=True, tag="detained.v1"):
    """In custody since `effective`, not convicted."""


class Sentenced(Justice, frozen=True, tag="sentenced.v1"):
    """A judgment took effect on `effective`. `serves_from`, `ends_on`: the first and the last day of the term as it says."""

    sentence: Sentence
    serves_from: date | None = None
    ends_on: date | None = None


class Paroled(Justice, frozen=True, tag="paroled.v1"):
    """Released on parole on `effective`; `ends_on`: the last day of the term that is left."""

    ends_on: date | None = None


class ParoleRevoked(Justice, frozen=True, tag="parole-revoked.v1"):
    """Parole, suspension or service outside prison was revoked on `effective`: the term goes on in prison."""


class Discharge(StrEnum):
    """Why somebody is free again. Bail is not custody, and no acquittal either."""

    SERVED = "served"
    BAIL = "bail"
    LIFTED = "lifted"


class Released(Justice, frozen=True, tag="released.v1"):
    """Free since `effective`, the last day in custody or of the term."""

    discharge: Discharge = Discharge.SERVED


class Acquitted(Justice, frozen=True, tag="acquitted.v1"):
    """Found not guilty, or not prosecuted, on `effective`: the case is as if it had not been."""
