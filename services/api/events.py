"""Publishing over HTTP: CloudEvents 1.0 in structured, binary and batch mode, to the one handler."""

import re
from functools import partial
from urllib.parse import unquote

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response

from domain.refusals import Refused
from services.accounts import Role
from services.api.auth import WhoAsks
from services.api.problems import problem
from services.cloudevents import BATCH, BATCH_LIMIT, EVENT_LIMIT, STRUCTURED, Publisher, binary, split_batch, structured
from services.envelopes import media_of
from services.gather import Gatherer
from services.intake import Answer, Received, Refusal

router = APIRouter(tags=["publishing"])


@router.post("/events", summary="Publish life events")
async def publish(request: Request, account: WhoAsks) -> Response:
    """Accept one CloudEvent (structured or binary mode), or a batch. The receipt of each says what became of it.

    200 with the receipt, or problem details with a code; a batch always answers 200 with a receipt for each event.
    """
    account.allow(Role.PUBLISHER, Role.OFFICER, Role.COMMUNITY)
    publisher = Publisher(account.name, account.department, "http")
    media = media_of(request.headers.get("content-type", ""))
    gatherer: Gatherer = request.app.state.gatherer
    if media == BATCH:
        events = split_batch(await _body(request, BATCH_LIMIT))
        answers = await gatherer.submit([Received(partial(structured, event), publisher) for event in events])
        return Response(msgspec.json.encode(answers), media_type="application/json")
    body = await _body(request, EVENT_LIMIT)
    if media == STRUCTURED:
        received = Received(partial(structured, body), publisher)
    elif "ce-specversion" in request.headers and not media.startswith("application/cloudevents"):
        received = Received(partial(binary, _attributes(request), body), publisher)
    else:
        raise Refused("not-cloudevents", "content-type", f"send {STRUCTURED}, {BATCH}, or ce- headers")
    (answer,) = await gatherer.submit([received])
    return _respond(answer)


def _respond(answer: Answer) -> Response:
    if isinstance(answer, Refusal):
        return problem(answer)
    return Response(msgspec.json.encode(answer), media_type="application/json")


def _attributes(request: Request) -> dict[str, str]:
    """The attributes of a binary-mode event. Raises `Refused`."""
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


async def _body(request: Request, limit: int) -> bytes:
    """The body, read no further than the limit."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise Refused("body-too-large", "", f"the limit is {limit} bytes")
    return bytes(body)
