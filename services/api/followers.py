"""How far behind the followers of the log are."""

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response

from infra.followers import Following, following
from services.accounts import Act
from services.api.answering import answers
from services.api.auth import WhoAsks

router = APIRouter(tags=["operation"])


@router.get("/followers", summary="How far behind each follower of the log is, and where one stopped")
@answers(list[Following])
def followers(request: Request, account: WhoAsks) -> Response:
    """A list by name: `position`, `events` still to be done, `seconds` since the first of them was recorded, `stopped` or null."""
    account.allow(Act.FOLLOWERS)
    return Response(msgspec.json.encode(following(request.app.state.database)), media_type="application/json")
