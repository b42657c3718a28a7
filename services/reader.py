"""Questions to the read models and the log, for the API and the pages alike; the one place where a person is unsealed."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from domain.facts import Person
from domain.history import AlertsDelivered, DataDisclosed, Entry, delivery
from domain.law import Law
from domain.lineage import Lineage
from domain.refusals import Refused
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn
from infra import codec, log
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.sealed import person_of
from infra.sql import statements
from infra.views import KnownViews, Views
from projections import alert_inbox, audit_trail, handovers, roster
from services.accounts import Account, Role
from services.application import BEIJING, today

_PURPOSE = {
    Role.COMMUNITY: "社区服务 community service",
    Role.OFFICER: "核对待遇 checking a benefit",
    Role.AUDITOR: "审计 auditing",
}
_BASIS = "个人信息保护法 第三十四条"


def _office(account: Account) -> str:
    """The offices an account belongs to, by the beginning of their names: an office is a city's."""
    return f"social-insurance/{account.division[:4]}"


def _office_of(entry: Entry) -> str:
    return entry.event.office if isinstance(entry.event, AlertRaised | AlertWithdrawn | AlertEscalated) else ""


class RosterLine(Struct, frozen=True, kw_only=True):
    """A retiree on a roster page, with the personal data that this look was recorded for. `community`: that serves."""

    retiree: UUID
    person: Person
    community: str
    retired_on: str
    monthly_pension: str
    party_member: bool
    special_groups: list[str]
    status: str
    stopped_from: str | None
    verify_alert: str | None


_OF_PERSON = tuple(field for field in Person.__struct_fields__ if field != "other_identity_number")
_SHOWN = (
    *_OF_PERSON,
    *(field for field in RosterLine.__struct_fields__ if field not in {"retiree", "person"}),
)
"""What a look shows of somebody, as the record of it says."""


class OpenStep(Struct, frozen=True, kw_only=True):
    """A step of a handover that is open, and who may tell that it is done."""

    step: str
    name_zh: str
    name_en: str
    by: tuple[str, ...]


class HandoverCard(Struct, frozen=True, kw_only=True):
    """How far the handover of a retiree is. `done`: steps with their days."""

    batch: str | None
    enterprise: str | None
    stage: str
    done: dict[str, str]
    missing: list[OpenStep]


class RetireeCard(Struct, frozen=True, kw_only=True):
    """A retiree and every alert about them, the newest first; `handover`: None where none was proposed."""

    line: RosterLine
    alerts: list[dict[str, Any]]
    handover: HandoverCard | None = None


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
            self._record(account, handed)
        return mine, entries[-1].position if entries else after

    def inbox(self, account: Account, state: str, before: int, limit: int) -> list[dict[str, Any]]:
        """The newest alerts in a state, for the account's offices; this look is recorded first."""
        given = {"office": _office(account), "state": state, "before": before, "limit": limit}
        rows = self._views.select(alert_inbox.PAGE, given)
        if rows:
            self._disclose(account, ("alerts",), (row["retiree"] for row in rows))
        return rows

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
        self, account: Account, division: str, after: UUID, limit: int, on: date | None = None
    ) -> list[RosterLine]:
        """A page of people of a division, by its code of the day `on`, today by default.

        The agency sees those registered there, whom it pays; a community those whom it serves, registered there and not
        received elsewhere, or received there. The disclosure is committed before anybody is shown; if that fails, nothing
        is. Raises `Refused("forbidden")` outside the account's division.
        """
        given = {"communities": self.within(account, division, on), "after": after, "limit": limit}
        page = roster.PAGE if account.role is Role.OFFICER else roster.SERVED_PAGE
        return self._unseal(account, _SHOWN, self._views.select(page, given))

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
        return roster.communities(self._communities(account), division, self._lineage, self.day(on))

    def rows(self, query: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What a read model says of nobody by name."""
        return self._views.select(query, given)

    def people(
        self, account: Account, fields: tuple[str, ...], rows: list[dict[str, Any]]
    ) -> list[tuple[dict[str, Any], Person]]:
        """The rows of a roster's query, each with its person; not the erased. The look is recorded first, as `fields` and the person's."""
        opened = self._open(account, (*_OF_PERSON, *fields), rows)
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
        lines = self._unseal(account, (*_SHOWN, "alerts", "handover"), rows)
        if not lines:
            raise Refused("person-erased", "retiree")
        given = {"retiree": lines[0].retiree}
        return RetireeCard(
            line=lines[0],
            alerts=self._views.select(alert_inbox.OF_RETIREE, given),
            handover=_handover(self._views.select(handovers.OF_RETIREE, given), self._law, self._today),
        )

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

    def _unseal(self, account: Account, fields: tuple[str, ...], rows: list[dict[str, Any]]) -> list[RosterLine]:
        return [_line(row, person) for row, person in self._open(account, fields, rows)]

    def _open(
        self, account: Account, fields: tuple[str, ...], rows: list[dict[str, Any]]
    ) -> list[tuple[dict[str, Any], bytes]]:
        if not rows:
            return []
        retirees = [row["retiree"] for row in rows]
        self._disclose(account, fields, retirees)
        keys = [row["under"] or row["retiree"] for row in rows]  # the record whose number was given
        wrapped = self._wrapped(keys)
        there = [(row, key) for row, key in zip(rows, keys, strict=True) if key in wrapped]  # not the erased
        people = self._keys.open_all([(key, wrapped[key], row["sealed"]) for row, key in there])
        return [(row, person) for (row, _), person in zip(there, people, strict=True)]

    def _wrapped(self, retirees: list[UUID]) -> dict[UUID, bytes]:
        with self._ledger.database.transaction() as connection:
            return dict(connection.execute(statements("ledger")["key_find"], {"retirees": retirees}).fetchall())

    def _disclose(self, account: Account, fields: tuple[str, ...], retirees: Iterable[UUID]) -> None:
        disclosed = DataDisclosed(
            department=account.department,
            actor=account.name,
            purpose=f"{_PURPOSE[account.role]}{self._use}",
            legal_basis=_BASIS,
            fields=fields,
            retirees=tuple(dict.fromkeys(retirees)),
        )
        self._record(account, disclosed)

    def _record(self, account: Account, event: DataDisclosed | AlertsDelivered) -> None:
        self._ledger.append(log.stream_of(f"reader:{account.name}"), event)


def _handover(rows: list[dict[str, Any]], law: Law, day: date) -> HandoverCard | None:
    """Of the present proposal, the last one that a row tells of."""
    found = [line for row in rows for line in handovers.lines(row, law, day)]
    if not found:
        return None
    one = found[-1]
    return HandoverCard(
        batch=one.proposal.batch,
        enterprise=one.proposal.enterprise,
        stage=one.stage,
        done={it.step: it.on.isoformat() for it in one.done},
        missing=[
            OpenStep(step=it.step.key, name_zh=it.step.name_zh, name_en=it.step.name_en, by=it.by) for it in one.missing
        ],
    )


def _line(row: dict[str, Any], person: bytes) -> RosterLine:
    given = row | {
        "person": msgspec.json.decode(person_of(person), type=Person),
        "community": row["serving"],
        "retired_on": row["retired_on"].isoformat(),
    }
    return RosterLine(**{field: given[field] for field in RosterLine.__struct_fields__})
