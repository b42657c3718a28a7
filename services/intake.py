"""The one handler of everything that publishers send, by whichever way it came."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from domain.history import Receipt
from domain.identity import names_a_person
from domain.refusals import Refused
from infra.submissions import Submission
from services.application import Changqing
from services.cloudevents import Envelope, Publisher, submission
from services.sentences import SENTENCES
from services.verifying import Verifier, verifier_of


class Words(Struct, frozen=True):
    """A sentence for people, Chinese first."""

    zh: str
    en: str


class Refusal(Struct, frozen=True, kw_only=True):
    """The receipt of a submission that was not accepted. `source` and `id` are None when not given, or not to be repeated."""

    source: str | None
    id: str | None
    status: Literal["refused"] = "refused"
    code: str
    path: str
    detail: str
    reason: Words
    remedy: Words


Answer = Receipt | Refusal


class Received(Struct, frozen=True):
    """Something a publisher sent: how to read its envelope, and who sent it."""

    read: Callable[[], Envelope]
    publisher: Publisher


def accept(application: Changqing, received: Sequence[Received]) -> list[Answer]:
    """Accept what can be accepted of a batch, in one transaction; a refused one leaves its neighbours alone.

    The answers are in the order received, and when they are there, what is accepted is on disk.
    Raises `DatabaseError`: nothing is known to be accepted, and receiving it all again is safe.
    """
    verifier, now = verifier_of(application.sources.now()), datetime.now(UTC)
    prepared = _with_repeats(application, [_prepare(one, verifier, now) for one in received])
    good = [what for what, *_ in prepared if isinstance(what, Submission)]
    answers = iter(application.accept(good) if good else ())
    outcomes = [(next(answers) if isinstance(what, Submission) else what, about) for what, about, _ in prepared]
    return [refusal(it, about) if isinstance(it, Refused) else it for it, about in outcomes]


def refusal(refused: Refused, envelope: Envelope | None = None) -> Refusal:
    """The receipt of a refusal, with its reason and remedy in both languages."""
    sentence = SENTENCES[refused.code]
    return Refusal(
        source=_clear(envelope.source) if envelope else None,
        id=_clear(envelope.id) if envelope else None,
        code=refused.code,
        path=refused.path,
        detail=refused.detail,
        reason=Words(sentence.zh, sentence.en),
        remedy=Words(sentence.remedy_zh, sentence.remedy_en),
    )


def _clear(text: str) -> str | None:
    """What may be repeated: not an identity number that somebody took for an id."""
    return None if names_a_person(text) else text


class _Prepared(NamedTuple):
    """What became of something received before the ledger is asked. `unsigned`: what only its signature stands against."""

    what: Submission | Refused
    envelope: Envelope | None
    unsigned: Submission | None = None


def _prepare(received: Received, verifier: Verifier, now: datetime) -> _Prepared:
    envelope, sent = None, None
    try:
        envelope = received.read()
        sent = submission(envelope, received.publisher)
        keyid = verifier.signed_by(envelope, now)
    except Refused as refused:
        return _Prepared(refused, envelope, sent if refused.code in _BY_NOW else None)
    return _Prepared(replace(sent, signed_by=keyid) if keyid else sent, envelope)


_BY_NOW = frozenset({"signature-missing", "signing-key-unknown", "signing-key-revoked", "signing-key-expired"})
"""Refusals that depend on when something comes: the same may have been accepted while the key was good, or before it had to be signed."""


def _with_repeats(application: Changqing, prepared: list[_Prepared]) -> list[_Prepared]:
    """The same, but what was accepted before and comes again gets the receipt that it had, whatever became of its key."""
    doubtful = [one.unsigned for one in prepared if one.unsigned]
    if not doubtful:
        return prepared
    known = iter(application.ledger.knows(doubtful))
    return [_Prepared(one.unsigned, one.envelope) if one.unsigned and next(known) else one for one in prepared]
