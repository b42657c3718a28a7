"""Pages to sign in and out, to choose another password, and to say what one looks at people for."""

import hmac
import math
import re
import secrets

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from domain.refusals import Refused
from infra.keys import KeyRing
from infra.sessions import Sessions
from services.accounts import Account
from services.api.auth import WhoAsks, WhoIsSignedIn
from services.api.cookies import SESSION, Cookies
from services.api.denials import denied
from services.api.peers import peers_of
from services.identities.oidc import SECONDS, Provider
from services.identities.people import People, SignInError, known_at_the_issuer
from services.reading.purposes import purposes_of
from services.sentences import SENTENCES
from services.web.forms import Fields, OwnFields, form_of, token_of
from services.web.pages import render

router = APIRouter()


_STRANGER = "changqing-login"
"""The cookie of whoever is about to sign in; the form holds a keyed hash of it, so that no other site can sign somebody in."""

_ELSEWHERE = "changqing-oidc"

_DEVICE = "changqing-device"
"""The cookie of a browser on which somebody was signed in before: there nobody else's failures make them wait."""
_DEVICE_SECONDS = 180 * 24 * 3_600
_DEVICE_BYTES = 16
_ON_A_DEVICE = 8

_LOCAL = re.compile(r"/(?![/\\])[A-Za-z0-9/_.~?&=%+:-]*")


@router.get("/login")
def login(request: Request, next: str = "/") -> HTMLResponse:  # noqa: A002 - the name that links have
    """Ask who it is."""
    return _form(request, next, 200)


@router.post("/login")
async def sign_in(request: Request) -> Response:
    """Begin a session. Every answer to a wrong name or password is the same."""
    fields = await form_of(request)
    onward = fields.get("next", "/")
    if not hmac.compare_digest(fields.get("token", "").encode(), _strangers_token(request).encode()):
        return _form(request, onward, 403, "form-expired")
    if not cookies_of(request).from_here(request):
        raise Refused("form-expired", "origin")
    people: People = request.app.state.people
    name, address = fields.get("name", "").strip(), peers_of(request).address(request)
    try:
        device = device_of(request, name)
        found = await run_in_threadpool(people.sign_in, name, fields.get("password", ""), address, device)
    except SignInError as error:
        await run_in_threadpool(denied, request, error.claimed, str(error))
        if error.after:
            return _form(request, onward, 429, "locked-out", error.after)
        return _form(request, onward, 401, "wrong-password")
    onward = "/pages/account" if found.must_change else local(onward)
    return await run_in_threadpool(begin, request, found.name, onward)


@router.get("/login/oidc")
def elsewhere(request: Request, next: str = "/") -> Response:  # noqa: A002 - the name that links have
    """Send somebody to the issuer of the settings."""
    try:
        where, remembered = _provider(request).begin(local(next))
    except SignInError:
        return _form(request, next, 503, "not-signed-in-elsewhere")
    response = RedirectResponse(where, 303)
    cookies_of(request).set(response, _ELSEWHERE, remembered, seconds=SECONDS)  # lax: they come back from another site
    return response


@router.get("/login/oidc/callback")
def back(request: Request, state: str = "", code: str = "", iss: str = "") -> Response:
    """Somebody comes back from there."""
    cookies = cookies_of(request)
    try:
        subject, onward = _provider(request).finish(cookies.get(request, _ELSEWHERE), state, code, iss)
        found = known_at_the_issuer(request.app.state.accounts, subject)
    except SignInError as error:
        denied(request, error.claimed, str(error))
        response: Response = _form(request, "/", 401, "not-signed-in-elsewhere")
    else:
        response = begin(request, found.name, onward)
    cookies.drop(response, _ELSEWHERE)
    return response


@router.get("/pages/account")
def account(request: Request, account: WhoIsSignedIn) -> HTMLResponse:
    """Who is signed in; the forms to choose another password and to sign out."""
    return HTMLResponse(_account(request, account))


@router.post("/pages/account/password")
def password(request: Request, account: WhoIsSignedIn, fields: OwnFields) -> Response:
    """Choose another password: every session of the account ends, and this browser gets a new one."""
    people: People = request.app.state.people
    chosen = fields.get("password", "")
    try:
        if chosen != fields.get("again", ""):
            raise Refused("password-too-weak", "again", "the two are not the same")  # noqa: TRY301 - said like the others
        address, device = peers_of(request).address(request), device_of(request, account.name)
        people.choose(account.name, fields.get("before", ""), chosen, address, device)
    except SignInError as error:
        denied(request, error.claimed, str(error))
        code = "locked-out" if error.after else "wrong-password"
        return HTMLResponse(_account(request, account, code), 429 if error.after else 403, _after(error.after))
    except Refused as error:
        return HTMLResponse(_account(request, account, error.code), SENTENCES[error.code].status)
    return begin(request, account.name, "/")


@router.post("/pages/account/purpose")
def purpose(request: Request, account: WhoAsks, fields: Fields) -> Response:
    """Say what one looks at people for, until one says otherwise or signs out."""
    chosen = fields.get("purpose", "")
    if not account.session or (chosen and chosen not in {one.key for one in purposes_of(account)}):
        denied(request, account.name, "purpose-not-granted")
        raise Refused("purpose-not-granted", "purpose")
    sessions: Sessions = request.app.state.sessions
    sessions.choose(account.session, chosen)
    return RedirectResponse("/pages/account", 303)


@router.post("/pages/account/sign-out")
def sign_out(request: Request, account: WhoIsSignedIn, fields: OwnFields) -> Response:  # noqa: ARG001 - checked on the way
    """End the session, here and in the database."""
    sessions: Sessions = request.app.state.sessions
    if account.session:
        sessions.end(account.session)
    response = RedirectResponse("/login", 303)
    cookies_of(request).drop(response, SESSION)
    return response


def begin(request: Request, name: str, onward: str) -> Response:
    """A new session for whoever has shown who they are. One that the browser had before is over: nobody can have planted it."""
    sessions: Sessions = request.app.state.sessions
    cookies = cookies_of(request)
    if before := cookies.get(request, SESSION):
        sessions.end_token(before)
    response = RedirectResponse(onward, 303)
    cookies.set(response, SESSION, sessions.begin(name))
    cookies.set(response, _DEVICE, _signed_in_on(request, name), "strict", _DEVICE_SECONDS)
    cookies.drop(response, _STRANGER)
    return response


def device_of(request: Request, name: str) -> str:
    """The device, where somebody of that name was signed in on it before; else nothing."""
    device, *marks = cookies_of(request).get(request, _DEVICE).split(".")
    mark = _mark(request, device, name)
    return device if any(hmac.compare_digest(mark.encode(), one.encode()) for one in marks[:_ON_A_DEVICE]) else ""


def _signed_in_on(request: Request, name: str) -> str:
    """What the cookie of a device holds from now on: what it is called, and a mark of each who was signed in on it, the latest first."""
    device, *marks = cookies_of(request).get(request, _DEVICE).split(".")
    if len(device) != 2 * _DEVICE_BYTES:
        device, marks = secrets.token_hex(_DEVICE_BYTES), []
    mark = _mark(request, device, name)
    return ".".join([device, mark, *(one for one in marks if one != mark)][: _ON_A_DEVICE + 1])


def _mark(request: Request, device: str, name: str) -> str:
    keys: KeyRing = request.app.state.keys
    return keys.tag("device", f"{device}\0{name}").hex()


def local(onward: str) -> str:
    """Where to go on: a path of ours, and nowhere else."""
    return onward if len(onward) <= 2_000 and _LOCAL.fullmatch(onward) else "/"


def cookies_of(request: Request) -> Cookies:
    """How cookies are set."""
    cookies: Cookies = request.app.state.cookies
    return cookies


def _provider(request: Request) -> Provider:
    """Where people sign in. Raises `Refused("not-found")` where there is no such place."""
    provider: Provider | None = request.app.state.oidc
    if provider is None:
        raise Refused("not-found")
    return provider


def _form(request: Request, onward: str, status: int, code: str = "", after: float = 0.0) -> HTMLResponse:
    cookies = cookies_of(request)
    known = cookies.get(request, _STRANGER) or secrets.token_urlsafe(16)
    page = render(
        "login.html",
        token=_token(request, known),
        onward=local(onward),
        wrong=SENTENCES[code] if code else None,
        after=math.ceil(after),
        elsewhere=request.app.state.oidc is not None,
    )
    response = HTMLResponse(page, status, _after(after))
    cookies.set(response, _STRANGER, known, "strict")
    return response


def _account(request: Request, account: Account, code: str = "") -> str:
    return render(
        "account.html",
        account=account,
        token=token_of(request, account),
        must_change=request.state.must_change,
        purposes=purposes_of(account),
        wrong=SENTENCES[code] if code else None,
    )


def _after(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(math.ceil(seconds))} if seconds else {}


def _strangers_token(request: Request) -> str:
    """What the form of this browser must hold; nothing that any form holds when it has no cookie of ours."""
    known = cookies_of(request).get(request, _STRANGER)
    return _token(request, known) if known else secrets.token_hex(16)


def _token(request: Request, known: str) -> str:
    keys: KeyRing = request.app.state.keys
    return keys.tag("login", known).hex()
