"""Questions to the read models and the log, for the API and the pages alike; the one place where a person is unsealed."""

from collections.abc import Mapping
from datetime import date, datetime
from itertools import islice
from typing import Any
from uuid import UUID

import msgspec

from domain.facts import Person
from domain.history import Entry, delivery
from domain.law import Law
from domain.lineage import Lineage
from domain.refusals import Refused
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn
from infra import codec, log
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.sealed import person_of
from infra.searching import Search, Sought
from infra.sql import statements
from infra.views import KnownViews, Views
from projections import alert_inbox, audit_trail, handovers, lives, roster
from services.accounts import Account, Role
from services.application import BEIJING, today
from services.reading.cards import (
    OF_PERSON,
    SHOWN,
    AlertCard,
    RetireeCard,
    RosterLine,
    handover_card,
    line_of,
    of_another_day,
)
from services.reading.looks import Looks
from services.reading.rosters import EVERYBODY, Counts, Place, Wanted, counts, people
from services.reading.why import why


def _office(account: Account) -> str:
    """The offices an account belongs to, by the beginning of their names: an office is a city's."""
    return f"social-insurance/{account.division[:4]}"


def _office_of(entry: Entry) -> str:
    return entry.event.office if isinstance(entry.event, AlertRaised | AlertWithdrawn | AlertEscalated) else ""


_WHOLE = 12
"""Digits of the code of a community."""


class Reader:
    """Reads for people. Whatever shows personal data is recorded in the log first. `known`: the time (Beijing) as of which; None: now."""

    def __init__(
        self,
        ledger: Ledger,
        views: Views | KnownViews,
        keys: KeyRing,
        lineage: Lineage,
        law: Law,
        known: datetime | None = None,
        use: str = "",
    ) -> None:
        self.known = known
        self._use = use
        self._looks = Looks(ledger, use)
        self._ledger = ledger
        self._views = views
        self._keys = keys
        self._lineage = lineage
        self._law = law

    def as_known(self, at: datetime) -> "Reader":
        """A reader of what the read models said at a time, and what followed from it on that day. A look is recorded as any other."""
        views = Views(self._ledger.database).as_known(at)
        return Reader(self._ledger, views, self._keys, self._lineage, self._law, at.astimezone(BEIJING), self._use)

    def steady(self, use: str) -> "Reader":
        """The same reader held to the position of now, for whatever is read page by page and must be of one moment.

        `use`: what for, which the record of each look says after its purpose.
        """
        views = self._views
        if isinstance(views, Views):
            views = KnownViews(self._ledger.database, views.position())
        return Reader(self._ledger, views, self._keys, self._lineage, self._law, self.known, use)

    @property
    def position(self) -> int:
        """The position of the log that the answers are of."""
        return self._views.position if isinstance(self._views, KnownViews) else self._views.position()

    @property
    def _today(self) -> date:
        return self.known.date() if self.known else today()

    def alerts(self, account: Account, after: int, limit: int) -> tuple[list[Entry], int]:
        """The alerts for the account's offices among the next `limit`, and the position up to which that is all.

        Handing them over is recorded first, as sending them to a topic is.
        """
        with self._ledger.database.transaction() as connection:
            entries = [codec.decode(*row) for row in log.read_alerts(connection, after, limit)]
        mine = [entry for entry in entries if _office_of(entry).startswith(_office(account))]
        if handed := delivery(account.department, f"http:{account.name}", mine):
            self._looks.record(account, handed)
        return mine, entries[-1].position if entries else after

    def inbox(self, account: Account, state: str, before: int, limit: int) -> list[dict[str, Any]]:
        """The newest alerts in a state, for the account's offices; this look is recorded first."""
        given = {"office": _office(account), "state": state, "before": before, "limit": limit}
        rows = self._views.select(alert_inbox.PAGE, given)
        if rows:
            self._looks.seen(account, ("alerts",), (row["retiree"] for row in rows))
        return [row | {"priority": alert_inbox.priority(row, self._today)} for row in rows]

    def alert(self, account: Account, alert: str) -> AlertCard:
        """An alert of the account's offices with why it was raised; recorded first, and without the person.

        Raises `Refused`: `not-found`, or `forbidden` where it is another office's.
        """
        rows = self._views.select(alert_inbox.ONE, {"alert": alert})
        if not rows:
            raise Refused("not-found", "alert")
        row = rows[0] | {"priority": alert_inbox.priority(rows[0], self._today)}
        if not row["office"].startswith(_office(account)):
            raise Refused("forbidden", "alert")
        sources = {one.partition(" ")[0] for one in row["evidence"]}
        given = {**row, "office": row["office"], "sources": sorted(sources)}
        of_retiree = self._views.select(alert_inbox.OF_RETIREE, {"retiree": row["retiree"]})
        of_kind = self._views.select(alert_inbox.LIKE_IT, given)
        of_sources = self._views.select(alert_inbox.OF_SOURCES, given)
        shown = [row, *of_kind, *of_sources]
        self._looks.seen(account, ("alerts", "facts", "months"), (one["retiree"] for one in shown))
        found = why(self._ledger.database, self._keys, self._law, row, self._views.known_at, self._today)
        others = [one for one in of_retiree if one["alert"] != alert]
        return AlertCard(alert=row, why=found, of_retiree=others, of_kind=of_kind, of_sources=of_sources)

    def audit(
        self, department: str, retiree: UUID | None, before: str, limit: int, actor: str = ""
    ) -> list[dict[str, Any]]:
        """The newest deeds of a department, of an account, about a retiree (empty, None: of any), before one of them (its `deed_id`; empty: from the newest)."""
        position = int(before.partition("-")[0]) if before else log.LAST
        given = {
            "department": department,
            "actor": actor,
            "retiree": retiree,
            "position": position,
            "deed_id": before,
            "limit": limit,
        }
        return self._views.select(audit_trail.PAGE, given)

    def communities(self, account: Account) -> list[dict[str, Any]]:
        """How many people each community of the account's division serves, or for the agency has; nobody is shown."""
        counts = roster.COUNTS if account.role is Role.OFFICER else roster.SERVED_COUNTS
        return self._views.select(counts, {"communities": self._communities(account)})

    def roster(
        self,
        account: Account,
        division: str,
        after: UUID,
        limit: int,
        on: date | None = None,
        wanted: Wanted = EVERYBODY,
    ) -> list[RosterLine]:
        """A page of people of a division as they were on the day `on`, today by default, by its code of that day.

        The agency sees those registered there, whom it pays; a community those whom it serves, registered there and not
        received elsewhere, or received there. The disclosure is committed before anybody is shown; if that fails, nothing
        is. Raises `Refused("forbidden")` outside the account's division.
        """
        day = self.day(on)
        registered = account.role is Role.OFFICER
        communities = self.within(account, division, day)
        if on is None and wanted == EVERYBODY:
            page = roster.PAGE if registered else roster.SERVED_PAGE
            return self._lines(
                account, self._views.select(page, {"communities": communities, "after": after, "limit": limit}), day
            )
        place: Place = "community" if registered else "serving"
        if wanted.moving == "in":
            if not registered:  # whom another community serves still is not on its roster
                raise Refused("forbidden", "moving")
            place = "moving_to"
        found = people(self._views, self._law, communities, day, place=place, after=after)
        lines = {one.retiree: one for one in islice((one for one in found if wanted.fits(one, day)), limit)}
        rows = self._views.select(lives.OF_RETIREES, {"retirees": list(lines)}) if lines else []
        if on:
            rows = [row | of_another_day(lines[row["retiree"]]) for row in rows]
        return self._lines(account, rows, day)

    def search(self, account: Account, sought: Sought, after: UUID, limit: int) -> list[RosterLine]:
        """The people of the account's division who fit what is sought; recorded as `roster` is, and nothing where nobody fits.

        Raises `Refused`: `identity-number-invalid`, `missing-field`, `invalid-field`.
        """
        given = {
            "communities": self._communities(account),
            "registered": account.role is Role.OFFICER,
            "after": after,
            "limit": limit,
        }
        found = Search(self._ledger.database, self._keys).find(self._views, sought, given)
        return self._lines(account, found, self._today)

    def roster_counts(self, account: Account, division: str, on: date | None = None) -> Counts:
        """What is to be counted of a community or street on a day, of those whom it served; nobody is shown.

        Raises `Refused`: `forbidden` outside the account's division, `invalid-field` for too many people.
        """
        if not self._may_see(account, division.ljust(12, "0")):
            raise Refused("forbidden", "division")
        day = on or self._today
        return counts(self._views, self._law, division, self._of_division(account, division, day), day)

    @property
    def law(self) -> Law:
        """The law that answers follow from."""
        return self._law

    def day(self, on: date | None) -> date:
        """The day as of which is asked: that of the time as known, today by default."""
        return on or self._today

    def within(self, account: Account, division: str, on: date | None = None) -> list[str]:
        """The codes of a division, by its code of a day, that somebody is registered or served under.

        Raises `Refused("forbidden")` outside the account's division.
        """
        if not self._may_see(account, division.ljust(12, "0")) and not division.startswith(account.division):
            raise Refused("forbidden", "division")
        return self._of_division(account, division, self.day(on))

    def rows(self, query: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What a read model says of nobody by name."""
        return self._views.select(query, given)

    def people(
        self, account: Account, fields: tuple[str, ...], rows: list[dict[str, Any]]
    ) -> list[tuple[dict[str, Any], Person]]:
        """The rows of a roster's query, each with its person; not the erased. The look is recorded first, as `fields` and the person's."""
        opened = self._open(account, (*OF_PERSON, *fields), rows)
        return [(row, msgspec.json.decode(person_of(person), type=Person)) for row, person in opened]

    def retiree(self, account: Account, retiree: UUID) -> RetireeCard:
        """A retiree with the alerts about them; recorded as `roster` is.

        Raises `Refused`: `not-found`, or `forbidden` outside the account's division.
        """
        rows = self._views.select(roster.ONE, {"retiree": retiree})
        if not rows:
            raise Refused("not-found", "retiree")
        if not self._may_see(account, rows[0]["community" if account.role is Role.OFFICER else "serving"]):
            raise Refused("forbidden", "retiree")
        lines = self._lines(account, rows, self._today, "alerts", "handover")
        if not lines:
            raise Refused("person-erased", "retiree")
        given = {"retiree": lines[0].retiree}
        return RetireeCard(
            line=lines[0],
            alerts=self._views.select(alert_inbox.OF_RETIREE, given),
            handover=handover_card(self._views.select(handovers.OF_RETIREE, given), self._law, self._today),
        )

    def _of_division(self, account: Account, division: str, day: date) -> list[str]:
        """The codes that are of a division on a day; a community's own also where nobody is served under it any more."""
        own = [division] if len(division) == _WHOLE and self._may_see(account, division) else []
        known = dict.fromkeys([*self._communities(account), *own])
        return roster.communities(known, division, self._lineage, day)

    def _communities(self, account: Account) -> list[str]:
        """The codes within the account's division that somebody is registered or served under."""
        return [
            row["community"]
            for row in self._views.select(roster.COMMUNITIES, {})
            if self._may_see(account, row["community"])
        ]

    def _may_see(self, account: Account, code: str) -> bool:
        """Whether a code is of the account's division, as it is or by what became of it."""
        return code.startswith(account.division) or self._lineage.placed(code, today()).startswith(account.division)

    def _lines(self, account: Account, rows: list[dict[str, Any]], day: date, *more: str) -> list[RosterLine]:
        """The people of some rows of the roster, with what holds of them on a day; `more`: what else is shown."""
        if rows and "facts" not in rows[0]:
            retirees = [row["retiree"] for row in rows]
            found = {row["retiree"]: row for row in self._views.select(lives.OF_RETIREES, {"retirees": retirees})}
            rows = [found.get(row["retiree"], {}) | row for row in rows]
        opened = self._open(account, (*SHOWN, *more), rows)
        return [line_of(row, person, day, self._law) for row, person in opened]

    def _open(
        self, account: Account, fields: tuple[str, ...], rows: list[dict[str, Any]]
    ) -> list[tuple[dict[str, Any], bytes]]:
        """The rows, each with what is sealed in it; not the erased. The look is recorded first."""
        if not rows:
            return []
        self._looks.seen(account, fields, (row["retiree"] for row in rows))
        keys = [row["under"] or row["retiree"] for row in rows]  # the record whose number was given
        wrapped = self._wrapped(keys)
        there = [(row, key) for row, key in zip(rows, keys, strict=True) if key in wrapped]  # not the erased
        opened = self._keys.open_all([(key, wrapped[key], row["sealed"]) for row, key in there])
        return [(row, person) for (row, _), person in zip(there, opened, strict=True)]

    def _wrapped(self, retirees: list[UUID]) -> dict[UUID, bytes]:
        with self._ledger.database.transaction() as connection:
            return dict(connection.execute(statements("ledger")["key_find"], {"retirees": retirees}).fetchall())
