"""Questions to the alerts: for an office, newest first, each with why it was raised."""

from typing import Any

from msgspec.structs import asdict

from domain.history import Entry, delivery
from domain.refusals import Refused
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn
from infra import codec, log
from infra.reading import seen_positions
from projections import alert_inbox
from services.accounts import Account
from services.reading.cards import (
    AlertCard,
)
from services.reading.standing import Standing
from services.reading.who import office_of
from services.reading.why import why


def _office_of(entry: Entry) -> str:
    return entry.event.office if isinstance(entry.event, AlertRaised | AlertWithdrawn | AlertEscalated) else ""


class Inboxes(Standing):
    """Reads the alerts of offices."""

    def alerts(self, account: Account, after: int, limit: int) -> tuple[list[Entry], int]:
        """The alerts for the account's offices among the next `limit`, and the position up to which that is all.

        Handing them over is recorded first, as sending them to a topic is.
        """
        self.view(account).demand("alert")
        with self._ledger.database.transaction() as connection:
            entries = [codec.decode(*row) for row in log.read_alerts(connection, after, limit)]
        mine = [entry for entry in entries if _office_of(entry).startswith(office_of(account))]
        if mine:
            shown = seen_positions(self._reading(account), mine)
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
