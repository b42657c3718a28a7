"""The one place where a person is unsealed, after the look was recorded."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any, Literal
from uuid import UUID

from domain.disclosures import Look
from infra.sql import statements
from infra.views import Views
from projections import lives, roster
from projections.on_a_day import OnADay
from services.accounts import Account
from services.reading.cards import (
    OF_LINE,
    OF_PERSON,
    SHOWN,
    PersonShown,
    RosterLine,
    line_of,
    of_another_day,
    person_shown,
)
from services.reading.purposes import view_of
from services.reading.standing import Standing
from services.reading.who import who

_PRESENT = "present_place"
"""Of a row that stands for another day: where the account's division would have them today."""


class Opening(Standing):
    """Opens whom an account may see: what is sealed in a row of the roster, as far as its purpose shows it."""

    def people(
        self, account: Account, fields: Mapping[str, Iterable[str]], rows: list[dict[str, Any]]
    ) -> list[tuple[dict[str, Any], PersonShown]]:
        """The rows of a roster's query, each with its person as shown; not the erased.

        The look is recorded first, as of those of `fields`, by group, that the purpose carries.
        """
        view = self.view(account)
        told = [name for group, names in fields.items() for name in view.recorded(group, names)]
        (opened, plain), masked = self._open(account, tuple(told), rows), view_of(account)
        return [(row, person_shown(view if row["retiree"] in plain else masked, person)) for row, person in opened]

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
        (opened, plain), masked = self._open(account, (*told, *more), rows, terms), view_of(account)
        return [
            line_of(row, person, day, self._law, view if row["retiree"] in plain else masked) for row, person in opened
        ]

    def _open(
        self, account: Account, fields: tuple[str, ...], rows: list[dict[str, Any]], terms: tuple[str, ...] = ()
    ) -> tuple[list[tuple[dict[str, Any], bytes]], Collection[UUID]]:
        """The rows, each with what is sealed in it, and who of them is shown plain; not the erased. The look is recorded first."""
        if not rows:
            return [], ()
        keys = [row["under"] or row["retiree"] for row in rows]  # the record whose number was given
        if "wrapped" in rows[0]:
            wrapped = {key: row["wrapped"] for row, key in zip(rows, keys, strict=True) if row["wrapped"]}
        else:
            wrapped = self._wrapped(account, keys)
        there = [(row, key) for row, key in zip(rows, keys, strict=True) if key in wrapped]  # not the erased
        plain = self._opens(account, [row for row, _ in there])
        shown = [row["retiree"] for row, _ in there if row["retiree"] not in plain]
        if plain:
            self.looks.unmasked(account, fields, list(plain), self.reason, terms=terms)
        if shown or (terms and not plain):
            self.looks.seen(account, fields, shown, look=Look.SOUGHT if terms else Look.SHOWN, terms=terms)
        opened = self._keys.open_all([(key, wrapped[key], row["sealed"]) for row, key in there])
        return [(row, person) for (row, _), person in zip(there, opened, strict=True)], plain

    def _opens(self, account: Account, rows: list[dict[str, Any]]) -> dict[UUID, None]:
        """Those of some rows of whom what is masked is shown plain: for a reason, and while they are of the account's division.

        Who was of it on the day asked for, or at the time as known, and has left since is shown as any other, and no more.
        """
        if not self.reason:
            return {}
        there = [row["retiree"] for row in rows if self._has(account, row)]
        if self.known and there:
            now = Views(self._ledger.database).seen_by(who(account, self._lineage))
            still = now.select(roster.PLACES, {"retirees": there})
            there = [row["retiree"] for row in still if self._has(account, row)]
        return dict.fromkeys(there)

    def _has(self, account: Account, row: Mapping[str, Any]) -> bool:
        """Whether somebody is of the account's division today, or at the time as known, whatever day the row stands for."""
        return self._may_see(account, row.get(_PRESENT) or row[placed_by(account)])

    def _wrapped(self, account: Account, retirees: list[UUID]) -> dict[UUID, bytes]:
        """The keys of those whom an account may see: nobody else could be opened."""
        with self._reading(account).transaction() as connection:
            return dict(connection.execute(statements("ledger")["key_find"], {"retirees": retirees}).fetchall())


def placed_by(account: Account) -> Literal["community", "serving"]:
    """By what somebody is of an account's division: registered there, for whoever pays them, or served by it."""
    return "community" if account.place == "community" else "serving"


def then(account: Account, row: Mapping[str, Any], line: OnADay) -> dict[str, Any]:
    """A row as it was on another day."""
    return {**row, _PRESENT: row[placed_by(account)], **of_another_day(line)}
