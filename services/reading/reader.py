"""Questions to the read models and the log, for the API and the pages alike."""

from typing import Any
from uuid import UUID

from domain.refusals import Refused
from infra.field_catalogue import the_catalogue
from projections import alert_inbox, handovers, roster
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
from services.reading.places import Places
from services.reading.purposes import view_of


class Reader(Inboxes, Deeds, Places):
    """Reads for people: what their purpose shows. Whatever shows personal data is recorded in the log first."""

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
                known = any(key.endswith(f".{name}") for key in the_catalogue().fields)
                raise Refused("not-of-purpose", name if known else "fields")  # what was typed is told to nobody
        rows = self._one(account, retiree)
        opening = self.unmasking(reason)
        if not opening._opens(account, rows):  # noqa: SLF001 - a reader like this one
            raise Refused("forbidden", "retiree")
        lines = opening._lines(account, rows, self._today, only=fields)  # noqa: SLF001 - likewise
        if not lines:
            raise Refused("person-erased", "retiree")
        (line,) = lines
        return {name: getattr(line.person if name in OF_PERSON else line, name) for name in fields}

    def _one(self, account: Account, retiree: UUID) -> list[dict[str, Any]]:
        """The row of a retiree, for a line. Raises `Refused`: `not-found`, `forbidden`."""
        rows = self._seen(account).select(roster.SHOWN, {"retiree": retiree})
        if not rows:
            raise self._hidden("retiree", roster.ONE, {"retiree": retiree})
        if not self._may_see(account, rows[0]["community" if account.place == "community" else "serving"]):
            raise Refused("forbidden", "retiree")
        return rows
