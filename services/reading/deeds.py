"""Questions to the trail: who published, decided, saw or was handed what."""

from typing import Any
from uuid import UUID

from domain.disclosures import Look
from infra import log
from projections import audit_trail, roster
from services.accounts import Account
from services.reading.standing import Standing


class Deeds(Standing):
    """Reads deeds: of departments, of accounts, about a retiree."""

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
