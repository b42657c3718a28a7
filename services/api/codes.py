"""The codes of refusals as data, for programs that show them to people."""

from fastapi import APIRouter
from fastapi.responses import Response
from msgspec import Struct

from services.accepting.intake import Words
from services.api.answering import answers
from services.api.questions import answered
from services.sentences import SENTENCES

router = APIRouter(tags=["documents"])


class Code(Struct, frozen=True, kw_only=True):
    """A code: the HTTP status it comes with, why, and what to do."""

    code: str
    status: int
    reason: Words
    remedy: Words
    type: str


@router.get("/errors", summary="Every code of a refusal, with its remedy")
@answers(list[Code])
def codes() -> Response:
    """In Chinese and English. `type`: the path of its page, as problems have it."""
    return answered(
        [
            Code(
                code=code,
                status=one.status,
                reason=Words(one.zh, one.en),
                remedy=Words(one.remedy_zh, one.remedy_en),
                type=f"/pages/errors/{code}",
            )
            for code, one in sorted(SENTENCES.items())
        ]
    )
