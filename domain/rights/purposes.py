"""What a catalogue of fields is made of: fields, the purposes they are shown for, the topics they leave on, reasons to unmask."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from domain.facts import Department
from domain.rights.masks import Mask

_Words = Annotated[str, Meta(min_length=1)]


class CatalogueError(ValueError):
    """A catalogue that cannot be used; the message names the entry."""


class Sensitivity(StrEnum):
    """What a field tells: who somebody is; what 个人信息保护法 第二十八条 calls sensitive; something of somebody; of nobody."""

    IDENTIFYING = "identifying"
    SENSITIVE = "sensitive"
    PERSONAL = "personal"
    PUBLIC = "public"


class How(StrEnum):
    """How a field is carried."""

    PLAIN = "plain"
    MASKED = "masked"


class Field(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A field that can be shown; `mask`: how, where a purpose has it masked."""

    key: _Words
    zh: _Words
    en: _Words
    sensitivity: Sensitivity
    mask: Mask | None = None


class Group(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields that stand together in an answer. Elsewhere they are called `<group>.<field>`."""

    key: _Words
    zh: _Words
    en: _Words
    fields: tuple[Field, ...]


class Basis(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the law allows it, and what it says there in short."""

    document: _Words
    article: _Words
    zh: _Words
    en: _Words

    @property
    def cited(self) -> str:
        """Document and article."""
        return f"{self.document} {self.article}"


class Purpose(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody looks for. `roles`, `departments`: whose accounts may say so (no departments: any).

    `default`: what an account of these is there for if it says nothing. `plain`, `masked`: fields, or whole groups as
    `group.*`; what names a field itself goes before what names its group, and `without` before both. What stands in none is left out.
    """

    key: _Words
    zh: _Words
    en: _Words
    says_zh: _Words
    says_en: _Words
    roles: tuple[_Words, ...]
    departments: tuple[Department, ...] = ()
    default: bool = False
    plain: tuple[_Words, ...] = ()
    masked: tuple[_Words, ...] = ()
    without: tuple[_Words, ...] = ()
    bases: Annotated[tuple[Basis, ...], Meta(min_length=1)]

    @property
    def said(self) -> str:
        """In both languages, as the record of a look says it."""
        return f"{self.zh} {self.en}"

    @property
    def cited(self) -> str:
        """The legal bases, as the record of a look cites them."""
        return "、".join(basis.cited for basis in self.bases)

    def is_for(self, role: str, department: str) -> bool:
        """Whether an account may say that this is what it looks for."""
        return role in self.roles and (not self.departments or department in self.departments)


class Message(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The members of the data of some types of message; of objects within it as `rule.document`. `types`: names, or `*` for the rest."""

    types: tuple[_Words, ...]
    members: tuple[_Words, ...]


class Delivery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A topic, and with it what webhooks and feeds hand over: what for, on which basis, and which members leave on it."""

    topic: _Words
    zh: _Words
    en: _Words
    bases: Annotated[tuple[Basis, ...], Meta(min_length=1)]
    messages: tuple[Message, ...]

    @property
    def cited(self) -> str:
        """The legal bases, as a record cites them."""
        return "、".join(basis.cited for basis in self.bases)

    def members(self, type_: str) -> tuple[str, ...]:
        """The members of a type of message; none for a type that is not of this topic."""
        found = (one for wanted in (type_, "*") for one in self.messages if wanted in one.types)
        return next((one.members for one in found), ())


class Reason(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reason to be shown what is masked, to choose from a list. `purposes`: of which; empty: of any."""

    key: _Words
    zh: _Words
    en: _Words
    purposes: tuple[_Words, ...] = ()

    @property
    def said(self) -> str:
        """In both languages."""
        return f"{self.zh} {self.en}"
