"""The one handler of everything that publishers send, by whichever way it came."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, TypeVar

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from domain.completeness import Report, SourceReport
from domain.dispositions import SubmissionRefused
from domain.history import Taken
from domain.identity import names_a_person
from domain.refusals import Refused
from infra.refused import Letter, Refusing
from infra.submissions import Submission
from services.accepting.bounds import Bound, out_of_bounds
from services.accepting.cloudevents import Envelope, Publisher, batch_of, sequence_of, submission
from services.accepting.reports import REPORTS, report
from services.accepting.verifying import Verifier, verifier_of
from services.application import Changqing
from services.sentences import SENTENCES

T = TypeVar("T")


class Words(Struct, frozen=True):
    """A sentence for people, Chinese first."""

    zh: str
    en: str


class Refusal(Struct, frozen=True, kw_only=True):
    """The receipt of a submission that was not accepted. `source` and `id` are None when not given, or not to be repeated.

    `place`: how it came and where it stood; `position`: where the log tells of it; `known`: the same was refused before.
    Left out where nothing was submitted: a page that is not there, a case that was only tried.
    """

    source: str | None
    id: str | None
    status: Literal["refused"] = "refused"
    code: str
    path: str
    detail: str
    reason: Words
    remedy: Words
    place: str | UnsetType = UNSET
    position: int | UnsetType = UNSET
    recorded_at: datetime | UnsetType = UNSET
    known: bool | UnsetType = UNSET


Answer = Taken | Refusal


class Received(Struct, frozen=True):
    """Something a publisher sent: how to read its envelope, and who sent it.

    `at`: when it reached us, by a clock that is not the publisher's; None: just now. A key that was good then is good for it.
    `original`: the bytes as they came, which a refusal is known by where no id could be read. `place`: how it came and where
    it stood; by default the way and the publisher's name. `letter`: makes what is kept when it is refused; None: who sent it has it.
    `traceparent`: of the trace that the sending belongs to, for what says of none itself. `bound`: whose answers that move money are
    counted, and in which content this came; None: nothing bounds it.
    """

    read: Callable[[], Envelope]
    publisher: Publisher
    original: bytes = b""
    place: str = ""
    letter: Callable[[], Letter] | None = None
    at: datetime | None = None
    traceparent: str = ""
    bound: Bound | None = None


class _Read(Struct, frozen=True):
    """What became of something received before the ledger saw it, and its envelope where it has one.

    `unsigned`: what nothing stands against but what is agreed by now.
    """

    what: Submission | Report | Refused
    envelope: Envelope | None
    unsigned: Submission | Report | None = None


def accept(application: Changqing, received: Sequence[Received]) -> list[Answer]:
    """Accept what can be accepted of a batch, in one transaction; a refused one leaves its neighbours alone.

    The answers are in the order received, and when they are there, what is accepted is on disk, and the log tells of what
    is refused. Raises `DatabaseError`: nothing is known to be accepted, and receiving it all again is safe.
    """
    verifier, now = verifier_of(application.sources.now()), datetime.now(UTC)
    read = _with_repeats(application, [_read(one, verifier, now) for one in received])
    read = _within_bounds(application, received, read)
    good = [one.what for one in read if isinstance(one.what, Submission)]
    came = (
        (one.place, one.at) for one, as_read in zip(received, read, strict=True) if isinstance(as_read.what, Submission)
    )
    with application.tracing.accepting(good, came) as traced:
        taken = iter(application.accept(traced) if good else ())
    reports = [one.what for one in read if isinstance(one.what, SourceReport)]
    # After the facts, so that a source has spoken of nothing that came with it and is not there. A crash between the two
    # leaves the facts in and the reports out: nobody was answered, and all of it comes again.
    reported = iter(application.report(reports) if reports else ())
    outcomes = [_next(one.what, taken, reported) for one in read]
    refused = {n: it for n, it in enumerate(outcomes) if isinstance(it, Refused)}
    told = _told(application, received, read, refused) if refused else {}
    seen: set[int] = set()
    answers: list[Answer] = []
    for n, it in enumerate(outcomes):
        if isinstance(it, Refused):
            answers.append(told[n])
        else:
            answers.append(replace(it, known=True) if it.position in seen else it)
            seen.add(it.position)
    return answers


def _within_bounds(application: Changqing, received: Sequence[Received], read: list[_Read]) -> list[_Read]:
    """The same, but answers in bulk are refused that nobody else has approved."""
    bounded = [
        (n, it.bound, one.what)
        for n, (it, one) in enumerate(zip(received, read, strict=True))
        if it.bound and isinstance(one.what, Submission)
    ]
    if not bounded or not (refused := out_of_bounds(application, bounded)):
        return read
    return [replace(one, what=refused[n]) if n in refused else one for n, one in enumerate(read)]


def _next(
    what: Submission | Report | Refused, taken: Iterator[Taken | Refused], reported: Iterator[Taken | Refused]
) -> Taken | Refused:
    if isinstance(what, Submission):
        return next(taken)
    return next(reported) if isinstance(what, SourceReport) else what


def _told(
    application: Changqing, received: Sequence[Received], read: Sequence[_Read], refused: Mapping[int, Refused]
) -> dict[int, Refusal]:
    """Tell the log what was refused of a batch, each with its number there; the receipts."""
    events = {n: _event(application, received[n], read[n].envelope, it) for n, it in refused.items()}
    letters = {n: make() for n in refused if (make := received[n].letter)}
    recorded = application.refusals.record([Refusing(event, letters.get(n)) for n, event in events.items()])
    return {
        n: refusal_of(event, at.position, at.recorded_at, known=at.known)
        for (n, event), at in zip(events.items(), recorded, strict=True)
    }


def _event(
    application: Changqing, received: Received, envelope: Envelope | None, refused: Refused
) -> SubmissionRefused:
    publisher = received.publisher
    original = received.original or (bytes(envelope.data) if envelope else b"")
    source, id_ = (_clear(envelope.source), _clear(envelope.id)) if envelope else (None, None)
    return SubmissionRefused(
        department=publisher.department,
        published_by=publisher.name,
        place=received.place or f"{publisher.channel}:{publisher.name}",
        code=refused.code,
        path=_clear_path(refused.path),
        detail=refused.detail,
        digest=application.refusals.digest(original),
        source=source,
        id=id_,
        sequence=_given(sequence_of, envelope) if envelope else None,
        batch=_given(batch_of, envelope) if envelope else None,
    )


def _given(member: Callable[[Envelope], T], envelope: Envelope) -> T | None:
    try:
        return member(envelope)
    except Refused:  # for this, perhaps; then it has none
        return None


def refusal_of(event: SubmissionRefused, position: int, recorded_at: datetime, *, known: bool = False) -> Refusal:
    """The receipt of a refusal that the log tells of."""
    said = _said(event.source, event.id, Refused(event.code, event.path, event.detail))
    return replace(said, place=event.place, position=position, recorded_at=recorded_at, known=known)


def refusal(refused: Refused, envelope: Envelope | None = None) -> Refusal:
    """A refusal that the log does not tell of, with its reason and remedy in both languages."""
    source, id_ = (_clear(envelope.source), _clear(envelope.id)) if envelope else (None, None)
    return _said(source, id_, refused)


def _said(source: str | None, id_: str | None, refused: Refused) -> Refusal:
    sentence = SENTENCES[refused.code]
    return Refusal(
        source=source,
        id=id_,
        code=refused.code,
        path=_clear_path(refused.path),
        detail=refused.detail,
        reason=Words(sentence.zh, sentence.en),
        remedy=Words(sentence.remedy_zh, sentence.remedy_en),
    )


def _clear(text: str) -> str | None:
    """What may be repeated: not an identity number that somebody took for an id."""
    return None if names_a_person(text) else text


def _clear_path(path: str) -> str:
    """The path without a member that nobody knows, where its name may be that of a person or hold a number."""
    clear = path.isascii() and not names_a_person(path) and not _NUMBER(path)
    return path if clear else path.rpartition(".")[0]


_NUMBER = re.compile(r"[0-9]{7}", re.ASCII).search
"""Of a telephone, an account or a person; the members that we know have none."""


def _read(received: Received, verifier: Verifier, now: datetime) -> _Read:
    envelope: Envelope | None = None
    sent: Submission | Report | None = None
    at = received.at or now
    try:
        envelope = received.read()
        if envelope.type in REPORTS:
            sent = told = report(envelope, received.publisher, now)
            keyid = verifier.signed_by(envelope, at, now)
            return _Read(replace(told, signed_by=keyid) if keyid else told, envelope)
        sent = fact = submission(envelope, received.publisher)
        if received.traceparent and not fact.traceparent:
            sent = fact = replace(fact, traceparent=received.traceparent)
        keyid = verifier.signed_by(envelope, at, now)
        if fact.sequence is None:
            verifier.may_be_unnumbered(envelope.source)
    except Refused as refused:
        if envelope and not sent and refused.code != "not-your-source":
            refused = _not_signed(envelope, verifier, at, now) or refused
        return _Read(refused, envelope, sent if refused.code in _BY_NOW else None)
    return _Read(replace(fact, signed_by=keyid) if keyid else fact, envelope)


def _not_signed(envelope: Envelope, verifier: Verifier, at: datetime, now: datetime) -> Refused | None:
    """What stands against its signature, which goes before all else: what its source did not sign must not speak for it.

    The watch takes a refused event for a sign of life, and its number for one that was not lost.
    """
    try:
        verifier.signed_by(envelope, at, now)
    except Refused as refused:
        return refused
    return None


_BY_NOW = frozenset(
    {"signature-missing", "signing-key-unknown", "signing-key-revoked", "signing-key-expired", "sequence-missing"}
)
"""Refusals that depend on when something comes: the same may have been accepted while the key was good, or before more was agreed."""


def _with_repeats(application: Changqing, read: list[_Read]) -> list[_Read]:
    """The same, but what was accepted before and comes again gets the receipt that it had, whatever became of its key."""
    unsigned = [one.unsigned for one in read if one.unsigned]
    if not unsigned:
        return read
    facts = [one for one in unsigned if isinstance(one, Submission)]
    reports = [one for one in unsigned if not isinstance(one, Submission)]
    of_facts = iter(application.ledger.knows(facts) if facts else ())
    of_reports = iter(application.ledger.knows_reports(reports) if reports else ())
    return [
        _Read(sent, one.envelope)
        if (sent := one.unsigned) and next(of_facts if isinstance(sent, Submission) else of_reports)
        else one
        for one in read
    ]
