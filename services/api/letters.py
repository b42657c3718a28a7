"""Dead letters over HTTP: groups of the same failure, one by one, and what is done about them."""

import asyncio
import base64
from collections import Counter
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from msgspec import Meta, Struct
from pydantic import BaseModel, Field

from domain.disclosures import Way
from domain.facts import Department
from domain.history import Receipt, Taken
from infra.letters import DeadLetter, Group, State, Wanted
from services.accepting.cloudevents import STRUCTURED
from services.accepting.intake import Answer, Refusal
from services.api.answering import answers
from services.api.auth import WhoAsks
from services.api.cursors import After
from services.api.gate.bodies import body_of
from services.api.once import OnlyOnce
from services.api.questions import Limit, answered
from services.letters.dealing import DeadLetters, outcome, seen_by

router = APIRouter(prefix="/dead-letters", tags=["dead letters"])

_MENDED = 512 * 1024
"""Bytes of what is sent in a letter's place: what is kept of a message at most."""
Place = Annotated[str, Path(pattern="^[a-z0-9.:-]{1,300}$", description="Where a letter stood, by which it is known.")]


class Letters(Struct, frozen=True, kw_only=True):
    """Groups of the same failure, the most first; letters in the order they came, and the cursor to go on after."""

    groups: list[Group]
    letters: list[DeadLetter]
    after: str | None


class Opened(Struct, frozen=True, kw_only=True):
    """A message as it came: its headers, and its bytes in base64."""

    place: str
    headers: list[tuple[str, str]]
    value_base64: str


_ANSWER: dict[str, Any] = {
    "anyOf": [
        *({"$ref": f"#/components/schemas/{one.__name__}"} for one in (Receipt, Taken, Refusal)),
        {"type": "null"},
    ]
}
"""msgspec has no schema of a union without tags."""


class Sent(Struct, frozen=True, kw_only=True):
    """What became of a letter that was sent again, in a word, with its receipt or refusal."""

    place: str
    outcome: str
    answer: Annotated[Any, Meta(extra_json_schema=_ANSWER)]


class SentAll(Struct, frozen=True, kw_only=True):
    """What became of the letters that were sent again: how many by each outcome."""

    outcomes: dict[str, int]


class LetterKind(BaseModel, extra="forbid"):
    """Which letters: of one failure, of one department where it is given."""

    code: Annotated[str, Field(pattern="^[a-z-]{1,60}$")]
    path: Annotated[str, Field(max_length=200)] | None = None
    department: Department | None = None


class Reason(BaseModel, extra="forbid"):
    """Why a letter is given up; no person's name or number."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]


async def wanted_of(
    account: WhoAsks,
    state: State = "waiting",
    code: str | None = None,
    path: str | None = None,
    department: Department | None = None,
) -> Wanted:
    """Which letters are asked for, of those that an account may see."""
    return Wanted(state=state, code=code, path=path, department=seen_by(account) or department)


@router.get("", summary="Dead letters, by failure and one by one")
@answers(Letters)
def letters(
    request: Request, account: WhoAsks, after: After, wanted: Annotated[Wanted, Depends(wanted_of)], limit: Limit = 50
) -> Response:
    """Messages that could not be taken in from Kafka: a department sees its own, the agency and an auditor all."""
    position, _, place = after.place().partition("-")
    dead = dead_of(request).seen(account)
    page = dead.page(wanted, (int(position), place) if position else (0, ""), limit)
    come = after.at(f"{page[-1].position}-{page[-1].place}") if len(page) == limit else None
    return answered(Letters(groups=dead.groups(wanted), letters=page, after=come))


@router.post("/replay", summary="Send all letters of a failure again", dependencies=[OnlyOnce])
@answers(SentAll)
def replay_all(request: Request, account: WhoAsks, kind: LetterKind) -> Response:
    """As they were, each once, in the order they came. Interrupted anywhere, the same again goes on."""
    wanted = Wanted(code=kind.code, path=kind.path, department=kind.department)
    tried = dead_of(request).replay_all(account, wanted)
    return answered(SentAll(outcomes=dict(Counter(outcome(one.answer) for one in tried))))


@router.get("/{place}", summary="A dead letter")
@answers(DeadLetter, refuses=("dead-letter-unknown",))
def one(request: Request, account: WhoAsks, place: Place) -> Response:
    """Why it could not be taken in, and what became of it."""
    seen_by(account)
    letter = dead_of(request).find(place, account)
    return answered(letter)


@router.post("/{place}/original", summary="The message as it came")
@answers(Opened, refuses=("dead-letter-unknown", "dead-letter-closed", "original-not-kept"))
def original(request: Request, account: WhoAsks, place: Place) -> Response:
    """For its own department or an auditor. By POST, as the look is recorded before it is answered."""
    shown = dead_of(request).original(account, place, Way.API)
    value = base64.b64encode(shown.value).decode()
    return answered(Opened(place=place, headers=list(shown.shown), value_base64=value))


@router.post("/{place}/replay", summary="Send a letter again as it was", dependencies=[OnlyOnce])
@answers(Sent, refuses=("dead-letter-unknown", "dead-letter-closed", "original-not-kept"))
def replay(request: Request, account: WhoAsks, place: Place) -> Response:
    """200 whatever became of it, which the answer says."""
    return _sent(place, dead_of(request).replay(account, place))


@router.post(
    "/{place}/mend",
    summary="Send something else in its place",
    openapi_extra={"requestBody": {"required": True, "content": {STRUCTURED: {"schema": {"type": "object"}}}}},
)
@answers(Sent, refuses=("dead-letter-unknown", "dead-letter-closed", "original-not-kept"))
async def mend(request: Request, account: WhoAsks, place: Place) -> Response:
    """The body is the mended event in structured mode, or a value under the old headers. 200 whatever became of it."""
    body = await body_of(request, _MENDED)
    return _sent(place, await asyncio.to_thread(dead_of(request).mend, account, place, body))


@router.post("/{place}/give-up", summary="Let a letter be", dependencies=[OnlyOnce])
@answers(
    DeadLetter,
    refuses=("dead-letter-unknown", "dead-letter-closed", "missing-field", "invalid-field", "identity-number-in-id"),
)
def give_up(request: Request, account: WhoAsks, place: Place, why: Reason) -> Response:
    """Its bytes are deleted; the answer is the letter as it stands then."""
    dead = dead_of(request)
    dead.give_up(account, place, why.reason)
    return answered(dead.find(place, account))


def _sent(place: str, answer: Answer) -> Response:
    return answered(Sent(place=place, outcome=outcome(answer), answer=answer))


def dead_of(request: Request) -> DeadLetters:
    """The dead letters of this process."""
    dead: DeadLetters = request.app.state.dead_letters
    return dead
