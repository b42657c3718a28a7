"""What is masked, plain: for a reason, which is recorded before anything is shown; and what an account may look for at all."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from msgspec import Struct
from pydantic import BaseModel, Field

from domain.rights.purposes import How, Purpose
from infra.field_catalogue import the_catalogue
from services.accounts import Account, Act
from services.api.answering import answers
from services.api.auth import WhoAsks
from services.api.questions import CardOn, ReaderThen, answered
from services.api.registers import MEDIA, Questions, Which, file_of, sheet_for
from services.reading.many import approved
from services.reading.purposes import checked

router = APIRouter(tags=["reading"])

Why = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        description="The key of a reason of `/purposes`, or a text; without identity numbers.",
    ),
]


class UnmaskBody(BaseModel, extra="forbid"):
    """Which fields are to be shown plain, and why."""

    fields: Annotated[list[Annotated[str, Field(pattern="^[a-z_]{1,40}$")]], Field(min_length=1, max_length=20)]
    reason: Why


class UnmaskFileBody(BaseModel, extra="forbid"):
    """As which file, and why."""

    form: Annotated[Literal["csv", "xlsx"], Field(alias="as")] = "csv"
    reason: Why


class Unmasked(Struct, frozen=True, kw_only=True):
    """Fields of a retiree as they are; None: not known."""

    retiree: UUID
    fields: dict[str, str | None]


class FieldLine(Struct, frozen=True, kw_only=True):
    """A field of a purpose: `group.field`, and whether it is plain or masked."""

    field: str
    zh: str
    en: str
    sensitivity: str
    shown: How


class PurposeLine(Struct, frozen=True, kw_only=True):
    """What an account may look for: its names, its legal bases as document and article, its fields, and reasons to unmask."""

    purpose: str
    zh: str
    en: str
    says_zh: str
    says_en: str
    default: bool
    bases: list[str]
    fields: list[FieldLine]
    reasons: dict[str, tuple[str, str]]


def may_unmask(account: Account) -> None:
    """Raise `Refused("forbidden")` unless the account has the right to be shown what is masked."""
    account.allow(Act.UNMASK)


def purpose_line(purpose: Purpose) -> PurposeLine:
    """A purpose with everything that stands in the catalogue of it."""
    found = the_catalogue()
    view = found.view_for(purpose)
    return PurposeLine(
        purpose=purpose.key,
        zh=purpose.zh,
        en=purpose.en,
        says_zh=purpose.says_zh,
        says_en=purpose.says_en,
        default=purpose.default,
        bases=[basis.cited for basis in purpose.bases],
        fields=[
            FieldLine(field=key, zh=one.zh, en=one.en, sensitivity=one.sensitivity, shown=how)
            for key, one in found.fields.items()
            if (how := view.how(key))
        ],
        reasons={one.key: (one.zh, one.en) for one in found.reasons(purpose)},
    )


@router.get("/purposes", summary="What the account may look for, and what it is shown then")
@answers(list[PurposeLine])
def purposes(account: WhoAsks) -> Response:
    """The default first. A request says which by the header `Changqing-Purpose`."""
    found = the_catalogue().claimable(account.role, account.department)
    return answered([purpose_line(one) for one in found])


@router.post("/retirees/{retiree}/unmask", summary="Fields of a retiree that are masked, plain")
@answers(Unmasked, refuses=("not-found", "person-erased", "reason-missing", "invalid-field", "identity-number-in-id"))
def unmask(reader: ReaderThen, account: WhoAsks, retiree: UUID, body: UnmaskBody, on: CardOn = None) -> Response:
    """For a reason. The look is recorded with it before it is answered; a field that the purpose has no use for is refused."""
    may_unmask(account)
    fields = tuple(dict.fromkeys(body.fields))
    found = reader.unmask(account, retiree, fields, checked(account, body.reason), on)
    return answered(Unmasked(retiree=retiree, fields=found))


@router.post("/registers/{register}/unmasked", summary="A register as a file, with nothing masked", tags=["registers"])
@answers(
    files=tuple(MEDIA.values()),
    refuses=("not-found", "invalid-field", "reason-missing", "needs-approval", "identity-number-in-id"),
)
def unmasked(
    request: Request, register: Which, reader: ReaderThen, account: WhoAsks, asked: Questions, body: UnmaskFileBody
) -> Response:
    """As `as=csv` and `as=xlsx` of a register are, for a reason, which the record of each look says.

    409 `needs-approval` of more than 500 people, unless another person approved a proposal `export.unmasked` of it.
    """
    may_unmask(account)
    opened = reader.unmasking(checked(account, body.reason))
    sheet = sheet_for(register, opened, account)
    approved(request.app.state.database, sheet, reader, account, asked)
    return file_of(sheet, opened, account, asked, body.form)
