"""Looks at people, recorded before anything is shown: who, of which department, what for, on which basis, which fields, of whom, how."""

from collections.abc import Iterable
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.disclosures import DataDelivered, DataDisclosed, Look, RegisterExported, Way
from infra import log
from infra.ledger import Ledger
from services.accounts import Account
from services.reading.purposes import purpose_of


class Context(Struct, frozen=True, kw_only=True):
    """What a look is part of. `use`: what for beside the account's purpose, an export say; `export`: the file that it goes into."""

    way: Way = Way.API
    use: str = ""
    export: str = ""


class Looks:
    """Records looks in the log. Whatever it raises keeps from being shown what was to be shown."""

    def __init__(self, ledger: Ledger, use: str = "", context: Context | None = None) -> None:
        self._ledger = ledger
        self.context = context or Context(use=use)

    def by(self, way: Way | None = None, use: str | None = None, export: str | None = None) -> "Looks":
        """The same, for looks of another way, use or file; None: as it is."""
        given = {"way": way, "use": use, "export": export}
        context = replace(self.context, **{name: value for name, value in given.items() if value is not None})
        return Looks(self._ledger, context=context)

    def seen(
        self,
        account: Account,
        fields: tuple[str, ...],
        retirees: Iterable[UUID],
        *,
        look: Look = Look.SHOWN,
        terms: tuple[str, ...] = (),
    ) -> None:
        """Record that these fields of these people are about to be shown. `terms`: keyed hashes of what was sought."""
        self.record(account, self._disclosed(account, fields, retirees, look=look, terms=terms))

    def unmasked(
        self,
        account: Account,
        fields: tuple[str, ...],
        retirees: Iterable[UUID],
        reason: str,
        *,
        terms: tuple[str, ...] = (),
    ) -> None:
        """Record that these fields of these people are about to be shown in plain, and why."""
        told = self._disclosed(account, fields, retirees, look=Look.UNMASKED, terms=terms, reason=reason)
        self.record(account, told)

    def none(self) -> "Looks":
        """Of who is only counted: nothing of them is shown to anybody, so nothing is recorded."""
        return _NoLooks(self._ledger, context=self.context)

    def exported(self, account: Account, register: str, form: str, rows: int, size: int, digest: str) -> None:
        """Record a file before its last bytes leave; its rows were recorded as they were read."""
        disclosed = self._disclosed(account, (), ())
        exported = RegisterExported(
            export=self.context.export,
            department=account.department,
            actor=account.name,
            purpose=disclosed.purpose,
            legal_basis=disclosed.legal_basis,
            register=register,
            form=form,
            rows=rows,
            size=size,
            digest=digest,
        )
        self.record(account, exported)

    def record(self, account: Account, event: DataDisclosed | DataDelivered | RegisterExported) -> None:
        """Record what an account is about to be given. Returns once it is on disk, together with what others record meanwhile."""
        self._ledger.append(log.stream_of(f"reader:{account.name}"), event)

    def _disclosed(
        self,
        account: Account,
        fields: tuple[str, ...],
        retirees: Iterable[UUID],
        *,
        look: Look = Look.SHOWN,
        terms: tuple[str, ...] = (),
        reason: str = "",
    ) -> DataDisclosed:
        purpose = purpose_of(account)
        return DataDisclosed(
            department=account.department,
            actor=account.name,
            purpose=f"{purpose.said}{self.context.use}",
            legal_basis=purpose.cited,
            fields=fields,
            retirees=tuple(dict.fromkeys(retirees)),
            way=self.context.way,
            look=look,
            terms=terms,
            reason=reason,
            export=self.context.export,
        )


class _NoLooks(Looks):
    def record(self, account: Account, event: DataDisclosed | DataDelivered | RegisterExported) -> None:
        """Nobody is shown anything."""
