"""Looks at people, recorded before anything is shown: who, of which department, what for, on which basis, which fields, of whom."""

from collections.abc import Iterable
from uuid import UUID

from domain.history import AlertsDelivered, DataDisclosed
from infra import log
from infra.ledger import Ledger
from services.accounts import Account, Role

_PURPOSE = {
    Role.COMMUNITY: "社区服务 community service",
    Role.OFFICER: "核对待遇 checking a benefit",
    Role.AUDITOR: "审计 auditing",
    Role.GUARDIAN: "个人信息保护 protection of personal data",
}
_BASIS = "个人信息保护法 第三十四条"


class Looks:
    """Records looks in the log. `use`: what for beside the account's purpose, an export say."""

    def __init__(self, ledger: Ledger, use: str = "") -> None:
        self._ledger = ledger
        self._use = use

    def seen(self, account: Account, fields: tuple[str, ...], retirees: Iterable[UUID]) -> None:
        """Record that these fields of these people are about to be shown. What it raises keeps them from being shown."""
        disclosed = DataDisclosed(
            department=account.department,
            actor=account.name,
            purpose=f"{_PURPOSE[account.role]}{self._use}",
            legal_basis=_BASIS,
            fields=fields,
            retirees=tuple(dict.fromkeys(retirees)),
        )
        self.record(account, disclosed)

    def record(self, account: Account, event: DataDisclosed | AlertsDelivered) -> None:
        """Record what an account is about to be given."""
        self._ledger.append(log.stream_of(f"reader:{account.name}"), event)
