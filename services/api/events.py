"""Publishing over HTTP: CloudEvents 1.0 in structured, binary and batch mode, to the one handler."""

import asyncio
import re
from functools import partial
from typing import Annotated, Any
from urllib.parse import unquote

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response
from msgspec.structs import replace

from domain.refusals import Refused
from services.accepting.bounds import bound_of
from services.accepting.cloudevents import (
    BATCH,
    BATCH_LIMIT,
    EVENT_LIMIT,
    STRUCTURED,
    Envelope,
    Publisher,
    binary,
    split_batch,
    structured,
)
from services.accepting.envelopes import media_of
from services.accepting.gather import Gatherer
from services.accepting.intake import Received
from services.accepting.receipts import Notary, SignedRefusal
from services.accounts import Account, Act
from services.api.answering import answers
from services.api.auth import WhoAsks
from services.api.gate.bodies import body_of
from services.api.gate.passing import passing_of
from services.api.problems import problem

router = APIRouter(tags=["publishing"])

_EACH: dict[str, Any] = {
    "anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("SignedReceipt", "SignedReport", "SignedRefusal")]
}
Answered = Annotated[
    Any, msgspec.Meta(extra_json_schema={"anyOf": [*_EACH["anyOf"], {"type": "array", "items": _EACH}]})
]
"""The receipt of an event, or the receipts of a batch; msgspec has no schema of a union without tags."""


@router.post("/events", summary="Publish life events")
@answers(Answered, refuses=None)
async def publish(request: Request, account: WhoAsks) -> Response:
    """Accept one CloudEvent (structured or binary mode), or a batch. The signed receipt of each says what became of it.

    200 with the receipt, or problem details with a code; a batch always answers 200 with a receipt for each event.
    """
    account.allow(Act.PUBLISH)
    gatherer: Gatherer = request.app.state.gatherer
    notary: Notary = request.app.state.notary
    received, many = await _received(request, account)
    if (passing := passing_of(request)) and passing.traceparent:
        received = [replace(one, traceparent=passing.traceparent) for one in received]
    answers = await gatherer.submit(received)
    if many:
        signed = await asyncio.to_thread(notary.all, answers)  # a thousand take a tenth of a second
        return Response(msgspec.json.encode(signed), media_type="application/json")
    answer = notary.signed(answers[0]) if notary.ready else await asyncio.to_thread(notary.signed, answers[0])
    if isinstance(answer, SignedRefusal):
        return problem(request, answer)
    return Response(msgspec.json.encode(answer), media_type="application/json")


async def _received(request: Request, account: Account) -> tuple[list[Received], bool]:
    """What was sent, and whether it is a batch. What is no event at all is a submission too: it is refused, and recorded."""
    publisher = Publisher(account.name, account.department, "http")
    media = media_of(request.headers.get("content-type", ""))
    body = await body_of(request, BATCH_LIMIT if media == BATCH else EVENT_LIMIT, cut=True)
    if media == BATCH:
        try:
            events = split_batch(body)
        except Refused as refused:
            return [_none(refused, publisher, body)], False
        bound = bound_of(account, body)
        return [Received(partial(structured, event), publisher, event, bound=bound) for event in events], True
    if media == STRUCTURED:
        return [Received(partial(structured, body), publisher, body, bound=bound_of(account, body))], False
    try:
        attributes = _attributes(request, media)
    except Refused as refused:
        return [_none(refused, publisher, body)], False
    original = msgspec.json.encode(attributes) + b"\n" + body
    bound = bound_of(account, original)
    return [Received(partial(binary, attributes, body), publisher, original, bound=bound)], False


def _none(refused: Refused, publisher: Publisher, body: bytes) -> Received:
    """Something sent that holds no event."""

    def read() -> Envelope:
        raise refused

    return Received(read, publisher, body)


def _attributes(request: Request, media: str) -> dict[str, str]:
    """The attributes of a binary-mode event. Raises `Refused`."""
    if "ce-specversion" not in request.headers or media.startswith("application/cloudevents"):
        raise Refused("not-cloudevents", "content-type", f"send {STRUCTURED}, {BATCH}, or ce- headers")
    attributes: dict[str, str] = {}
    for name, value in request.headers.items():
        if name.startswith("ce-"):
            if name[3:] in attributes:
                raise Refused("not-cloudevents", "headers", "a ce- header stands there twice")
            attributes[name[3:]] = _unescaped(value)
    given = request.headers.get("content-type")
    return ({"datacontenttype": given} if given else {}) | attributes


def _unescaped(value: str) -> str:
    """The value of a header: out of its quotes if it has some, then percent-decoded once, as the HTTP binding says."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    try:
        return unquote(value.encode("ascii").decode(), errors="strict")
    except UnicodeError:
        raise Refused("not-cloudevents", "headers", "a ce- header is not percent-encoded UTF-8") from None
