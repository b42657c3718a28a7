"""The one handler of everything that publishers send, by whichever way it came."""

from collections.abc import Sequence
from typing import Any

from domain.history import Receipt
from domain.refusals import Refused
from infra.ledger import Submission
from services.application import Changqing
from services.cloudevents import Envelope, Publisher, submission
from services.sentences import SENTENCES

Answer = Receipt | Refused


def prepare(envelope: Envelope | Refused, publisher: Publisher) -> Submission | Refused:
    """A submission out of an envelope, or why not."""
    if isinstance(envelope, Refused):
        return envelope
    try:
        return submission(envelope, publisher)
    except Refused as refusal:
        return refusal


def accept(application: Changqing, prepared: Sequence[Submission | Refused]) -> list[Answer]:
    """Accept what can be accepted of a batch; answers in its order. A refused one leaves its neighbours alone."""
    good = [one for one in prepared if isinstance(one, Submission)]
    answers = iter(application.accept(good) if good else ())
    return [next(answers) if isinstance(one, Submission) else one for one in prepared]


def receipt(answer: Answer, envelope: Envelope | Refused) -> dict[str, Any]:
    """The receipt of an answer, as it is sent: over HTTP, on a topic, in a file."""
    if isinstance(answer, Receipt):
        return {
            "source": answer.source,
            "id": answer.id,
            "status": answer.status.value,
            "position": answer.position,
            "retiree": str(answer.retiree),
            "recorded_at": answer.recorded_at.isoformat(),
        }
    sentence = SENTENCES[answer.code]
    return {
        "source": envelope.source if isinstance(envelope, Envelope) else None,
        "id": envelope.id if isinstance(envelope, Envelope) else None,
        "status": "refused",
        "code": answer.code,
        "path": answer.path,
        "detail": answer.detail,
        "reason": {"zh": sentence.zh, "en": sentence.en},
        "remedy": {"zh": sentence.remedy_zh, "en": sentence.remedy_en},
    }
