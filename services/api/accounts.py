"""Accounts over HTTP: which there are, and what an administrator does to them. A secret is answered once, when it is made."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from msgspec import Struct
from pydantic import AwareDatetime, BaseModel, Field

from domain.accounts import Standing
from domain.facts import Department
from services.accounts import Role
from services.api.answering import answers
from services.api.auth import WhoAsks
from services.api.cursors import After
from services.api.questions import Limit, answered
from services.identities.keeping import AccountCard, Keeping, NewSecret

router = APIRouter(prefix="/accounts", tags=["accounts"])

NAME = "^[0-9A-Za-z一-鿿_-]{1,100}$"
_SAID = r"[^\s\x1c-\x1f\x85\ufeff]"
"""Something that is no blank, by whosever reading: Python's, Rust's and JavaScript's blanks differ."""
Name = Annotated[str, Path(pattern=r"^[^./:\x00-\x1f\x7f]{1,100}$", description="The account's name.")]
Division = Annotated[
    str, Field(pattern="^([0-9]{2,12})?$", description="The beginning of the division codes it may see.")
]
Subject = Annotated[
    str, Field(max_length=200, pattern=r"^[!-~]*$", description="Who it is at the issuer that people sign in at.")
]
_STATED = {"Cache-Control": "no-store"}


class AccountPage(Struct, frozen=True, kw_only=True):
    """Accounts by name. `after`: the cursor of what comes next, empty at the end."""

    accounts: list[AccountCard]
    after: str


class NewBody(BaseModel, extra="forbid"):
    """A new account. `person`: at the pages, with a first password; else a program's."""

    account: Annotated[str, Field(pattern=NAME)]
    role: Role
    department: Department
    division: Division = ""
    until: AwareDatetime | None = None
    subject: Subject = ""
    bound: bool = False
    person: bool = False


class ChangeBody(BaseModel, extra="forbid"):
    """What is to be otherwise; the rest stays."""

    role: Role | None = None
    department: Department | None = None
    division: Division | None = None
    until: AwareDatetime | None = None
    subject: Subject | None = None
    bound: bool | None = None


class SecretBody(BaseModel, extra="forbid"):
    """Of a program (the older secrets stay good for so many hours; 0: they are over at once), or a person's first password."""

    hours: Annotated[float, Field(ge=0, le=8_760)] = 24
    person: bool = False


class ReasonBody(BaseModel, extra="forbid"):
    """Why, naming nobody."""

    reason: Annotated[str, Field(min_length=1, max_length=200, pattern=_SAID)]


def keeping_of(request: Request) -> Keeping:
    """Where this process keeps them."""
    keeping: Keeping = request.app.state.keeping
    return keeping


_KEPT = ("unknown-account", "own-account")
_RAISED = ("account-invalid", "needs-approval", "identity-number-in-id")


@router.get("", summary="The accounts there are")
@answers(AccountPage)
def accounts(request: Request, by: WhoAsks, after: After, limit: Limit = 100) -> Response:
    """Of one's division, by name, without secrets."""
    found = keeping_of(request).page(by, after.place(), limit)
    later = after.at(found[-1].account) if len(found) == limit else ""
    return answered(AccountPage(accounts=found, after=later))


@router.get("/{account}", summary="One account")
@answers(AccountCard, refuses=("unknown-account",))
def account(request: Request, by: WhoAsks, account: Name) -> Response:
    """As it stands now."""
    return answered(keeping_of(request).find(by, account))


@router.post("", summary="Make an account", status_code=201)
@answers(NewSecret, refuses=("account-exists", *_KEPT, *_RAISED))
def new(request: Request, by: WhoAsks, body: NewBody) -> Response:
    """Its secret is in the answer, and nowhere else. 409 `needs-approval` of a role that takes a second person, with what to propose."""
    given: dict[str, Any] = body.model_dump(exclude={"account", "person"})
    made = keeping_of(request).new(by, body.account, Standing(**given), person=body.person)
    response = answered(made, _STATED | {"Location": f"/v1/accounts/{quote(body.account)}"})
    response.status_code = 201
    return response


@router.post("/{account}/change", summary="Change what an account is for")
@answers(AccountCard, refuses=(*_KEPT, *_RAISED))
def change(request: Request, by: WhoAsks, account: Name, body: ChangeBody) -> Response:
    """Its sessions and tokens are over. What is not given stays."""
    wanted = {key: said for key, said in body.model_dump().items() if said is not None}
    return answered(keeping_of(request).change(by, account, wanted))


@router.post("/{account}/secret", summary="Give an account a new secret")
@answers(NewSecret, refuses=(*_KEPT, *_RAISED))
def secret(request: Request, by: WhoAsks, account: Name, body: SecretBody) -> Response:
    """It is in the answer, and nowhere else."""
    return answered(keeping_of(request).secret(by, account, body.hours, person=body.person), _STATED)


@router.post("/{account}/disable", summary="Let nobody in by an account any more")
@answers(AccountCard, refuses=(*_KEPT, "identity-number-in-id", "invalid-field"))
def disable(request: Request, by: WhoAsks, account: Name, body: ReasonBody) -> Response:
    """Its sessions and tokens are over."""
    return answered(keeping_of(request).disable(by, account, body.reason))


@router.post("/{account}/enable", summary="Let an account be used again")
@answers(AccountCard, refuses=_KEPT)
def enable(request: Request, by: WhoAsks, account: Name) -> Response:
    """With the secrets and the password that it had."""
    return answered(keeping_of(request).enable(by, account))


@router.post("/{account}/unlock", summary="Forget an account's failed attempts")
@answers(AccountCard, refuses=_KEPT)
def unlock(request: Request, by: WhoAsks, account: Name) -> Response:
    """Nobody has to wait any more."""
    return answered(keeping_of(request).unlock(by, account))
