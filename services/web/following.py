"""The page of the followers of the log."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from infra.followers import following
from services.accounts import Act
from services.api.auth import WhoAsks
from services.web.pages import render

router = APIRouter()


@router.get("/pages/followers")
def followers(request: Request, account: WhoAsks) -> HTMLResponse:
    """How far behind each is, and where one stopped."""
    account.allow(Act.FOLLOWERS)
    return HTMLResponse(render("followers.html", account=account, rows=following(request.app.state.database)))
