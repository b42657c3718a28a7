"""Questions to the read models and the log, for the API and the pages alike."""

from datetime import date
from typing import Any
from uuid import UUID

from domain.refusals import Refused
from infra.field_catalogue import the_catalogue
from projections import alert_inbox, handovers, roster
from projections.handover_days import on_day
from projections.on_a_day import as_of
from services.accounts import Account
from services.reading.cards import (
    MASKABLE,
    OF_PERSON,
    SHOWN,
    RetireeCard,
    handover_card,
)
from services.reading.deeds import Deeds
from services.reading.inboxes import Inboxes
from services.reading.opening import placed_by, then
from services.reading.places import Places
from services.reading.purposes import view_of


class Reader(Inboxes, Deeds, Places):
    """Reads for people: what their purpose shows. Whatever shows personal data is recorded in the log first."""

    def retiree(
        self, account: Account, retiree: UUID, only: tuple[str, ...] = SHOWN, on: date | None = None
    ) -> RetireeCard:
        """A retiree as they were on the day `on`, today by default, with the alerts about them; recorded as `roster` is.

        The line is that of the roster of that day. The alerts are the same of every day, as they follow from what was recorded.
        Of who has left the account's division since there is the line alone, as on the roster. Raises `Refused`: `not-found`,
        also of a day before the retirement, or `forbidden` outside the account's division on that day.
        """
        view, rows, day = self.view(account), self._one(account, retiree, on), self.day(on)
        here = self._has(account, rows[0])
        more = [
            *(["alerts"] if here and view.how("alert.alert") else ()),
            *(["handover"] if here and view.how("line.handover") else ()),
        ]
        lines = self._lines(account, rows, day, *more, only=only)
        if not lines:
            raise Refused("person-erased", "retiree")
        given = {"retiree": lines[0].retiree}
        alerts = self._seen(account).select(alert_inbox.OF_RETIREE, given) if "alerts" in more else None
        told = self._seen(account).select(handovers.OF_RETIREE, given) if "handover" in more else []
        return RetireeCard(
            line=lines[0],
            alerts=None if alerts is None else self.carried(account, "alert", alerts),
            handover=handover_card([on_day(row, on) for row in told] if on else told, self._law, day),
        )

    def unmask(
        self, account: Account, retiree: UUID, fields: tuple[str, ...], reason: str, on: date | None = None
    ) -> dict[str, str | None]:
        """Some fields of a retiree plain, of a day, which the purpose masks (`phone`, `monthly_pension`); the reason is recorded first.

        Raises `Refused` as `retiree` does, and `not-of-purpose`.
        """
        view = view_of(account)
        allowed = {key.partition(".")[2] for key in view.masked(MASKABLE)} | {*view.carries("person", OF_PERSON)}
        for name in fields:
            if name not in allowed:
                known = any(key.endswith(f".{name}") for key in the_catalogue().fields)
                raise Refused("not-of-purpose", name if known else "fields")  # what was typed is told to nobody
        rows = self._one(account, retiree, on)
        opening = self.unmasking(reason)
        if not opening._opens(account, rows):  # noqa: SLF001 - a reader like this one
            raise Refused("forbidden", "retiree")
        lines = opening._lines(account, rows, self.day(on), only=fields)  # noqa: SLF001 - likewise
        if not lines:
            raise Refused("person-erased", "retiree")
        (line,) = lines
        return {name: getattr(line.person if name in OF_PERSON else line, name) for name in fields}

    def _one(self, account: Account, retiree: UUID, on: date | None = None) -> list[dict[str, Any]]:
        """The row of a retiree, for a line, as it is or as it was on a day. Raises `Refused`: `not-found`, `forbidden`."""
        rows = self._seen(account).select(roster.SHOWN, {"retiree": retiree})
        if not rows:
            raise self._hidden("retiree", roster.ONE, {"retiree": retiree})
        (row,) = rows
        if on is None:
            if not self._has(account, row):
                raise Refused("forbidden", "retiree")
            return rows
        line = as_of(row, on, self._law)
        if line is None and self._has(account, row):
            raise Refused("not-found", "on", "not retired by that day 当日尚未退休")
        if line is None or not self._may_see(account, getattr(line, placed_by(account))):
            raise Refused("forbidden", "retiree")
        return [then(account, row, line)]
