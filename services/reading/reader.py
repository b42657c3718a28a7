"""Questions to the read models and the log, for the API and the pages alike; the one place where a person is unsealed."""

from collections.abc import Iterable, Mapping
from copy import copy
from datetime import date, datetime
from itertools import islice
from typing import Any
from uuid import UUID

from msgspec.structs import asdict

from domain.disclosures import Look, Way
from domain.history import Entry, delivery
from domain.law import Law
from domain.lineage import Lineage
from domain.refusals import Refused
from domain.rights.fields import View
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn
from infra import codec, log
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.reading import Reading, seen_positions
from infra.searching import Search, Sought
from infra.sql import statements
from infra.views import KnownViews, Selects, Views
from projections import alert_inbox, audit_trail, candidates, handovers, lives, roster
from projections.on_a_day import OnADay
from services.accounts import Account
from services.application import BEIJING, today
from services.reading.cards import (
    MASKABLE,
    OF_LINE,
    OF_PERSON,
    SHOWN,
    AlertCard,
    PersonShown,
    RetireeCard,
    RosterLine,
    handover_card,
    line_of,
    of_another_day,
    person_shown,
)
from services.reading.looks import Looks
from services.reading.purposes import view_of
from services.reading.rosters import EVERYBODY, Counts, Place, Wanted, counts, fields_of, found_on, people, standing
from services.reading.who import office_of, who
from services.reading.why import why


def _office_of(entry: Entry) -> str:
    return entry.event.office if isinstance(entry.event, AlertRaised | AlertWithdrawn | AlertEscalated) else ""


_SOUGHT = "sought"
"""The kind of the keyed hashes of what was sought: they fit no other."""
_WHOLE = 12
"""Digits of the code of a community."""
_PRESENT = "present_place"
"""Of a row that stands for another day: where the account's division would have them today."""


class Reader:
    """Reads for people: what their purpose shows. Whatever shows personal data is recorded in the log first.

    `known`: the time (Beijing) as of which; None: now. `reason`: why everything that is masked is asked for plain; empty: it is not.
    """

    def __init__(
        self,
        ledger: Ledger,
        views: Views | KnownViews,
        keys: KeyRing,
        lineage: Lineage,
        law: Law,
        known: datetime | None = None,
        looks: Looks | None = None,
    ) -> None:
        self.known = known
        self.reason = ""
        self.looks = looks or Looks(ledger)
        self._ledger = ledger
        self._views = views
        self._keys = keys
        self._lineage = lineage
        self._law = law

    def as_known(self, at: datetime) -> "Reader":
        """A reader of what the read models said at a time, and what followed from it on that day. A look is recorded as any other."""
        return self._but(_views=Views(self._ledger.database).as_known(at), known=at.astimezone(BEIJING))

    def by(self, way: Way) -> "Reader":
        """The same reader, whose looks are recorded as of that way."""
        return self._but(looks=self.looks.by(way))

    def steady(self, use: str, way: Way = Way.EXPORT, export: str = "") -> "Reader":
        """The same reader held to the position of now, for whatever is read page by page and must be of one moment.

        `use`: what for, which the record of each look says after its purpose; `export`: the file that it goes into.
        """
        views = self._views
        if isinstance(views, Views):
            views = KnownViews(self._ledger.database, views.position())
        return self._but(_views=views, looks=self.looks.by(way, use, export))

    def unmasking(self, reason: str) -> "Reader":
        """The same reader, who shows plain what the purpose masks; the record of each look says why."""
        return self._but(reason=reason)

    def counting(self) -> "Reader":
        """The same reader, for who only counts what it reads and shows nothing of it: no look is recorded."""
        return self._but(looks=self.looks.none(), reason="")

    def _but(self, **other: object) -> "Reader":
        """The same reader, but for some of what it holds."""
        one = copy(self)
        vars(one).update(other)
        return one

    def view(self, account: Account) -> View:
        """What an account is shown. Raises `Refused("purpose-not-allowed")`."""
        view = view_of(account)
        return view.opening(view.masked(MASKABLE)) if self.reason else view

    def carried(self, account: Account, group: str, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Rows of a group as the account is shown them. Raises `Refused("not-of-purpose")` where it is shown nothing of them."""
        view = self.view(account)
        view.demand(group)
        return [view.shown(group, row) for row in rows]

    @property
    def position(self) -> int:
        """The position of the log that the answers are of."""
        return self._views.position if isinstance(self._views, KnownViews) else self._views.position()

    def _seen(self, account: Account) -> Selects:
        """The views as an account may see them: what a query forgets to ask, PostgreSQL does not show."""
        return self._views.seen_by(who(account, self._lineage))

    def _reading(self, account: Account) -> Reading:
        """The ledger, likewise."""
        return Reading(self._ledger.database, who(account, self._lineage))

    def _hidden(self, what: str, query: str, given: Mapping[str, Any]) -> Refused:
        """Why an account is not shown what it asked for by its id: it is somebody else's, or there is none."""
        return Refused("forbidden" if self._views.select(query, given) else "not-found", what)

    @property
    def _today(self) -> date:
        return self.known.date() if self.known else today()

    def alerts(self, account: Account, after: int, limit: int) -> tuple[list[Entry], int]:
        """The alerts for the account's offices among the next `limit`, and the position up to which that is all.

        Handing them over is recorded first, as sending them to a topic is.
        """
        self.view(account).demand("alert")
        with self._ledger.database.transaction() as connection:
            entries = [codec.decode(*row) for row in log.read_alerts(connection, after, limit)]
        mine = [entry for entry in entries if _office_of(entry).startswith(office_of(account))]
        if mine:
            shown = seen_positions(self._reading(account), [entry.position for entry in mine])
            mine = [entry for entry in mine if entry.position in shown]
        if handed := delivery(account.department, f"http:{account.name}", mine):
            self.looks.record(account, handed)
        return mine, entries[-1].position if entries else after

    def inbox(self, account: Account, state: str, before: int, limit: int) -> list[dict[str, Any]]:
        """The newest alerts in a state, for the account's offices; this look is recorded first."""
        self.view(account).demand("alert")
        known = min(before, self._views.known_at + 1)  # what came later stood nowhere then
        given = {"office": office_of(account), "state": state, "before": known, "limit": limit}
        rows = self._seen(account).select(alert_inbox.PAGE, given)
        if rows:
            self.looks.seen(account, ("alerts",), (row["retiree"] for row in rows))
        return self.carried(
            account, "alert", (row | {"priority": alert_inbox.priority(row, self._today)} for row in rows)
        )

    def alert(self, account: Account, alert: str) -> AlertCard:
        """An alert of the account's offices with why it was raised; recorded first, and without the person.

        Raises `Refused`: `not-found`, or `forbidden` where it is another office's.
        """
        view = self.view(account)
        view.demand("alert")
        view.demand("why")
        rows = self._seen(account).select(alert_inbox.ONE, {"alert": alert})
        if not rows:
            raise self._hidden("alert", alert_inbox.ONE, {"alert": alert})
        row = rows[0] | {"priority": alert_inbox.priority(rows[0], self._today)}
        if not row["office"].startswith(office_of(account)):
            raise Refused("forbidden", "alert")
        sources = {one.partition(" ")[0] for one in row["evidence"]}
        given = {**row, "office": row["office"], "sources": sorted(sources)}
        seen = self._seen(account)
        of_retiree = seen.select(alert_inbox.OF_RETIREE, {"retiree": row["retiree"]})
        of_kind = seen.select(alert_inbox.LIKE_IT, given)
        of_sources = seen.select(alert_inbox.OF_SOURCES, given)
        shown = [row, *of_kind, *of_sources]
        told = view.carries("why", ("facts", "months"))
        self.looks.seen(account, ("alerts", *told), (one["retiree"] for one in shown))
        found = why(self._reading(account), self._keys, self._law, row, self._views.known_at, self._today)
        others = [one for one in of_retiree if one["alert"] != alert]
        return AlertCard(
            alert=view.shown("alert", row),
            why=view.shown("why", asdict(found)),
            of_retiree=self.carried(account, "alert", others),
            of_kind=self.carried(account, "alert", of_kind),
            of_sources=self.carried(account, "alert", of_sources),
        )

    def audit(
        self, account: Account, department: str, retiree: UUID | None, before: str, limit: int, actor: str = ""
    ) -> list[dict[str, Any]]:
        """The newest deeds of a department, of an account, about a retiree (empty, None: of any), before one of them (its `deed_id`; empty: from the newest).

        Recorded as any look, and not shown among them unless somebody asks for the account or the retiree.
        """
        position = int(before.partition("-")[0]) if before else min(log.LAST, self._views.known_at + 1)
        given = {
            "department": department,
            "actor": actor,
            "retiree": retiree,
            "position": position,
            "deed_id": before,
            "limit": limit,
        }
        return self._deeds(account, self._seen(account).select(audit_trail.PAGE, given))

    def looks_at(self, account: Account, retiree: UUID, before: str, limit: int) -> list[dict[str, Any]]:
        """Who saw, was handed or unmasked what of a retiree, the newest first, before one of them (its `deed_id`; empty: from the newest).

        Of all records that are this person's. Recorded as any look. Raises `Refused("not-found")` where there is no such retiree.
        """
        rows = self._seen(account).select(roster.ONE, {"retiree": retiree})
        if not rows:
            raise self._hidden("retiree", roster.ONE, {"retiree": retiree})
        position = int(before.partition("-")[0]) if before else log.LAST
        given = {"retiree": rows[0]["retiree"], "position": position, "deed_id": before, "limit": limit}
        return self._deeds(account, self._seen(account).select(audit_trail.LOOKS, given))

    def _deeds(self, account: Account, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self.view(account).demand("trail")
        if rows:
            self.looks.seen(account, ("deeds",), (row["retiree"] for row in rows), look=Look.DEEDS)
        return self.carried(account, "trail", rows)

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
            there = standing(self._seen(account), page, {"communities": communities, "after": after})
            return self._lines(account, [*islice(there, limit)], day, only=only)
        place: Place = "community" if registered else "serving"
        if wanted.moving == "in":
            if not registered:  # whom another community serves still is not on its roster
                raise Refused("forbidden", "moving")
            place = "moving_to"
        seen = self._seen(account)
        found = people(seen, self._law, communities, day, place=place, after=after)
        lines = {one.retiree: one for one in islice((one for one in found if wanted.fits(one, day)), limit)}
        rows = seen.select(lives.OF_RETIREES, {"retirees": list(lines)}) if lines else []
        if on:
            rows = [_then(account, row, lines[row["retiree"]]) for row in rows]
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
            return search.find(seen, sought, given)

        if on is None:
            rows = find(after, limit, self._communities(account))
        else:
            place: Place = "community" if registered else "serving"
            there = self._of_division(account, account.division, on)
            found = found_on(seen, self._law, find, there, on, place=place, after=after)
            rows = [_then(account, row, line) for row, line in islice(found, limit)]
        given_terms = ((field, getattr(sought, field)) for field in Sought.__struct_fields__)
        terms = tuple(f"{field}:{self._keys.tag(_SOUGHT, text).hex()}" for field, text in given_terms if text)
        if not rows:
            self.looks.seen(account, (), (), look=Look.SOUGHT, terms=terms)
        return self._lines(account, rows, on or self._today, only=only, terms=terms)

    def roster_counts(self, account: Account, division: str, on: date | None = None) -> Counts:
        """What is to be counted of a community or street on a day, of those whom it served; nobody is shown.

        Raises `Refused("forbidden")` outside the account's division.
        """
        if not self._may_see(account, division.ljust(12, "0")):
            raise Refused("forbidden", "division")
        day = on or self._today
        return counts(self._seen(account), self._law, division, self._of_division(account, division, day), day)

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

    def rows(self, account: Account, query: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What a read model says of nobody by name, out of the rows that an account may see."""
        return self._seen(account).select(query, given)

    def people(
        self, account: Account, fields: Mapping[str, Iterable[str]], rows: list[dict[str, Any]]
    ) -> list[tuple[dict[str, Any], PersonShown]]:
        """The rows of a roster's query, each with its person as shown; not the erased.

        The look is recorded first, as of those of `fields`, by group, that the purpose carries.
        """
        view = self.view(account)
        told = [name for group, names in fields.items() for name in view.recorded(group, names)]
        opened, masked = self._open(account, tuple(told), rows), view_of(account)
        return [(row, person_shown(view if self._opens(account, row) else masked, person)) for row, person in opened]

    def retiree(self, account: Account, retiree: UUID, only: tuple[str, ...] = SHOWN) -> RetireeCard:
        """A retiree with the alerts about them; recorded as `roster` is.

        Raises `Refused`: `not-found`, or `forbidden` outside the account's division.
        """
        view = self.view(account)
        more = [
            *(["alerts"] if view.how("alert.alert") else ()),
            *(["handover"] if view.how("line.handover") else ()),
        ]
        lines = self._lines(account, self._one(account, retiree), self._today, *more, only=only)
        if not lines:
            raise Refused("person-erased", "retiree")
        given = {"retiree": lines[0].retiree}
        alerts = self._seen(account).select(alert_inbox.OF_RETIREE, given) if "alerts" in more else None
        told = self._seen(account).select(handovers.OF_RETIREE, given) if "handover" in more else []
        return RetireeCard(
            line=lines[0],
            alerts=None if alerts is None else self.carried(account, "alert", alerts),
            handover=handover_card(told, self._law, self._today),
        )

    def unmask(self, account: Account, retiree: UUID, fields: tuple[str, ...], reason: str) -> dict[str, str | None]:
        """Some fields of a retiree plain, which the purpose masks (`phone`, `monthly_pension`); the reason is recorded first.

        Raises `Refused` as `retiree` does, and `not-of-purpose`.
        """
        view = view_of(account)
        allowed = {key.partition(".")[2] for key in view.masked(MASKABLE)} | {*view.carries("person", OF_PERSON)}
        for name in fields:
            if name not in allowed:
                raise Refused("not-of-purpose", name)
        rows = self._one(account, retiree)
        lines = self.unmasking(reason)._lines(account, rows, self._today, only=fields)  # noqa: SLF001 - a reader like this one
        if not lines:
            raise Refused("person-erased", "retiree")
        (line,) = lines
        return {name: getattr(line.person if name in OF_PERSON else line, name) for name in fields}

    def _one(self, account: Account, retiree: UUID) -> list[dict[str, Any]]:
        """The row of a retiree. Raises `Refused`: `not-found`, `forbidden`."""
        rows = self._seen(account).select(roster.ONE, {"retiree": retiree})
        if not rows:
            raise self._hidden("retiree", roster.ONE, {"retiree": retiree})
        if not self._may_see(account, rows[0]["community" if account.place == "community" else "serving"]):
            raise Refused("forbidden", "retiree")
        return rows

    def _of_division(self, account: Account, division: str, day: date) -> list[str]:
        """The codes that are of a division on a day; a community's own also where nobody is served under it any more."""
        own = [division] if len(division) == _WHOLE and self._may_see(account, division) else []
        known = dict.fromkeys([*self._communities(account), *own])
        return roster.communities(known, division, self._lineage, day)

    def _communities(self, account: Account) -> list[str]:
        """The codes within the account's division that somebody is registered or served under."""
        return [
            row["community"]
            for row in self._views.select(candidates.COMMUNITIES, {})
            if self._may_see(account, row["community"])
        ]

    def _may_see(self, account: Account, code: str) -> bool:
        """Whether a code is of the account's division, as it is or by what became of it."""
        return code.startswith(account.division) or self._lineage.placed(code, today()).startswith(account.division)

    def _lines(
        self,
        account: Account,
        rows: list[dict[str, Any]],
        day: date,
        *more: str,
        only: tuple[str, ...] = SHOWN,
        terms: tuple[str, ...] = (),
    ) -> list[RosterLine]:
        """The people of some rows of the roster, with what holds of them on a day.

        `more`: what else is shown; `only`: of what; `terms`: what was sought.
        """
        view = self.view(account)
        view.demand("line")
        if rows and "facts" not in rows[0]:
            retirees = [row["retiree"] for row in rows]
            found = {
                row["retiree"]: row for row in self._seen(account).select(lives.OF_RETIREES, {"retirees": retirees})
            }
            rows = [found.get(row["retiree"], {}) | row for row in rows]
        told = [
            *view.recorded("person", (name for name in OF_PERSON if name in only)),
            *view.recorded("line", (name for name in OF_LINE if name in only)),
        ]
        opened, masked = self._open(account, (*told, *more), rows, terms), view_of(account)
        return [
            line_of(row, person, day, self._law, view if self._opens(account, row) else masked)
            for row, person in opened
        ]

    def _open(
        self, account: Account, fields: tuple[str, ...], rows: list[dict[str, Any]], terms: tuple[str, ...] = ()
    ) -> list[tuple[dict[str, Any], bytes]]:
        """The rows, each with what is sealed in it; not the erased. The look is recorded first."""
        if not rows:
            return []
        keys = [row["under"] or row["retiree"] for row in rows]  # the record whose number was given
        wrapped = self._wrapped(account, keys)
        there = [(row, key) for row, key in zip(rows, keys, strict=True) if key in wrapped]  # not the erased
        plain = [row["retiree"] for row, _ in there if self._opens(account, row)]
        shown = [row["retiree"] for row, _ in there if not self._opens(account, row)]
        if plain:
            self.looks.unmasked(account, fields, plain, self.reason, terms=terms)
        if shown or (terms and not plain):
            self.looks.seen(account, fields, shown, look=Look.SOUGHT if terms else Look.SHOWN, terms=terms)
        opened = self._keys.open_all([(key, wrapped[key], row["sealed"]) for row, key in there])
        return [(row, person) for (row, _), person in zip(there, opened, strict=True)]

    def _opens(self, account: Account, row: Mapping[str, Any]) -> bool:
        """Whether what is masked of somebody is shown plain: for a reason, and while they are of the account's division.

        Who was of it on the day asked for and has left since is shown as any other, and no more.
        """
        place = row.get(_PRESENT) or row["community" if account.place == "community" else "serving"]
        return bool(self.reason) and self._may_see(account, place)

    def _wrapped(self, account: Account, retirees: list[UUID]) -> dict[UUID, bytes]:
        """The keys of those whom an account may see: nobody else could be opened."""
        with self._reading(account).transaction() as connection:
            return dict(connection.execute(statements("ledger")["key_find"], {"retirees": retirees}).fetchall())


def _then(account: Account, row: Mapping[str, Any], line: OnADay) -> dict[str, Any]:
    """A row as it was on another day."""
    return {**row, _PRESENT: row["community" if account.place == "community" else "serving"], **of_another_day(line)}
