"""Looks at people, recorded before anything is shown: who, of which department, what for, on which basis, which fields, of whom."""

from collections.abc import Iterable
from uuid import UUID

from domain.history import AlertsDelivered, DataDisclosed
from infra import log
from infra.ledger import Ledger
from services.accounts import Account
from services.reading.purposes import purpose_of


class Looks:
    """Records looks in the log. `use`: what for beside the account's purpose, an export say."""

    def __init__(self, ledger: Ledger, use: str = "") -> None:
        self._ledger = ledger
        self._use = use

    def seen(self, account: Account, fields: tuple[str, ...], retirees: Iterable[UUID]) -> None:
        """Record that these fields of these people are about to be shown. What it raises keeps them from being shown."""
        self._disclosed(account, fields, retirees, self._use)

    def record(self, account: Account, event: DataDisclosed | AlertsDelivered) -> None:
        """Record what an account is about to be given."""
        self._ledger.append(log.stream_of(f"reader:{account.name}"), event)

    def unmasked(self, account: Account, fields: tuple[str, ...], retirees: Iterable[UUID], reason: str) -> None:
        """Record that these fields of these people are about to be shown whole, and why."""
        self._disclosed(account, fields, retirees, f"{self._use}，显示全文 unmasked：{reason}")

    def _disclosed(self, account: Account, fields: tuple[str, ...], retirees: Iterable[UUID], use: str) -> None:
        purpose = purpose_of(account)
        disclosed = DataDisclosed(
            department=account.department,
            actor=account.name,
            purpose=f"{purpose.said}{use}",
            legal_basis=purpose.cited,
            fields=fields,
            retirees=tuple(dict.fromkeys(retirees)),
        )
        self.record(account, disclosed)
