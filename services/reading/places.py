"""Questions to the rosters of divisions, for any day, and the search for people of them."""

from datetime import date
from itertools import islice
from typing import Any
from uuid import UUID

from domain.disclosures import Look
from domain.refusals import Refused
from infra.searching import Search, Sought
from projections import candidates, roster
from services.accounts import Account
from services.application import today
from services.reading.cards import (
    SHOWN,
    RosterLine,
)
from services.reading.opening import Opening, then
from services.reading.rosters import (
    COUNTED_BY,
    EVERYBODY,
    Counts,
    Place,
    Wanted,
    counts,
    fields_of,
    found_on,
    people,
    standing,
)
from services.reading.who import beginnings

_SOUGHT = "sought"
"""The kind of the keyed hashes of what was sought: they fit no other."""
_WHOLE = 12
"""Digits of the code of a community."""


class Places(Opening):
    """Reads who is of a division, today or on a day."""

    def communities(self, account: Account) -> list[dict[str, Any]]:
        """How many people each community of the account's division serves, or for the agency has; nobody is shown."""
        counts = roster.COUNTS if account.place == "community" else roster.SERVED_COUNTS
        return self._seen(account).select(counts, {"communities": self._communities(account)})

    def roster(
        self,
        account: Account,
        division: str,
        after: UUID,
        limit: int,
        on: date | None = None,
        wanted: Wanted = EVERYBODY,
        only: tuple[str, ...] = SHOWN,
    ) -> list[RosterLine]:
        """A page of people of a division as they were on the day `on`, today by default, by its code of that day.

        The agency sees those registered there, whom it pays; a community those whom it serves, registered there and not
        received elsewhere, or received there. `only`: the fields that the answer has. The disclosure is committed before anybody is shown; if that fails, nothing
        is. Raises `Refused("forbidden")` outside the account's division.
        """
        view = self.view(account)
        for name, field in fields_of(wanted).items():
            if not view.how(field):
                raise Refused("not-of-purpose", name)
        day = self.day(on)
        registered = account.place == "community"
        communities = self.within(account, division, day)
        if on is None and wanted == EVERYBODY:
            page = roster.PAGE if registered else roster.SERVED_PAGE
            there = standing(self._seen(account), page, {"communities": communities, "after": after}, limit)
            return self._lines(account, [*islice(there, limit)], day, only=only)
        place: Place = "community" if registered else "serving"
        if wanted.moving == "in":
            if not registered:  # whom another community serves still is not on its roster
                raise Refused("forbidden", "moving")
            place = "moving_to"
        seen = self._seen(account)
        found = people(seen, self._law, communities, day, place=place, after=after, few=limit)
        asked = islice(((row, line) for row, line in found if wanted.fits(line, day)), limit)
        rows = [then(account, row, line) if on else row | {"then": line} for row, line in asked]
        return self._lines(account, rows, day, only=only)

    def search(
        self,
        account: Account,
        sought: Sought,
        after: UUID,
        limit: int,
        only: tuple[str, ...] = SHOWN,
        on: date | None = None,
    ) -> list[RosterLine]:
        """The people of the account's division, today or on a day, who fit what is sought; recorded as `roster` is, and also where nobody fits.

        Raises `Refused`: `identity-number-invalid`, `missing-field`, `invalid-field`.
        """
        registered = account.place == "community"
        search, seen = Search(self._ledger.database, self._keys), self._seen(account)

        def find(after: UUID, limit: int, communities: list[str] | None = None) -> list[dict[str, Any]]:
            given = {"communities": communities, "registered": registered, "after": after, "limit": limit}
            return search.find(seen, sought, given, now=self.known is None)

        if on is None:
            rows = find(after, limit, self._communities(account))
        else:
            place: Place = "community" if registered else "serving"
            there = self._of_division(account, account.division, on)
            found = found_on(seen, self._law, find, there, on, place=place, after=after)
            rows = [then(account, row, line) for row, line in islice(found, limit)]
        given_terms = ((field, getattr(sought, field)) for field in Sought.__struct_fields__)
        terms = tuple(f"{field}:{self._keys.tag(_SOUGHT, text).hex()}" for field, text in given_terms if text)
        if not rows:
            self.looks.seen(account, (), (), look=Look.SOUGHT, terms=terms)
        return self._lines(account, rows, on or self._today, only=only, terms=terms)

    def roster_counts(self, account: Account, division: str, on: date | None = None) -> Counts:
        """What is to be counted of a community or street on a day, of those whom it served; nobody is shown.

        Raises `Refused`: `forbidden` outside the account's division, `not-of-purpose` for a purpose that is not shown all that is counted by.
        """
        view = self.view(account)
        if not all(view.how(field) for field in COUNTED_BY):  # of a few people a count tells what a line would
            raise Refused("not-of-purpose", "counts")
        if not self._may_see(account, division.ljust(12, "0")):
            raise Refused("forbidden", "division")
        day = on or self._today
        return counts(self._seen(account), self._law, division, self._of_division(account, division, day), day)

    def within(self, account: Account, division: str, on: date | None = None) -> list[str]:
        """The codes of a division, by its code of a day, that somebody is registered or served under.

        Raises `Refused("forbidden")` outside the account's division.
        """
        if not self._may_see(account, division.ljust(12, "0")) and not division.startswith(account.division):
            raise Refused("forbidden", "division")
        return self._of_division(account, division, self.day(on))

    def _of_division(self, account: Account, division: str, day: date) -> list[str]:
        """The codes that are of a division on a day; a community's own also where nobody is served under it any more."""
        own = [division] if len(division) == _WHOLE and self._may_see(account, division) else []
        known = dict.fromkeys([*self._communities(account), *own])
        return roster.communities(known, division, self._lineage, day)

    def _communities(self, account: Account) -> list[str]:
        """The codes within the account's division that somebody is registered or served under."""
        begins = beginnings(self._lineage, account.division, today())
        if all(len(code) == _WHOLE for code in begins):
            # each a community: whoever asks for its people finds whether there are any
            return [code for code in begins if self._may_see(account, code)]
        rows = self._views.select(candidates.BEGINNING, {"begins": list(begins)}, prepare=True)
        return [row["community"] for row in rows if self._may_see(account, row["community"])]
