"""The API's wiring: what it is made of, and what it closes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from domain.refusals import Refused
from infra.database import DatabaseError
from infra.followers import following
from infra.keys import WrongKeyError
from services.accepting.dispositions import Dispositions
from services.accepting.gather import Gatherer
from services.accepting.intake import accept, refusal
from services.accounts import Accounts
from services.api import documents, events, feeds, followers, openapi, problems, reading, receipts, registers, sources
from services.api.wakeups import Wakeups
from services.bootstrap import Parts, parts
from services.consumers.feeds import Feeds
from services.letters.dealing import DeadLetters
from services.settings import Settings
from services.sources.states import SourceStates
from services.web import following as following_pages
from services.web import letters, pages
from services.web import registers as register_pages
from services.web.forms import Forms

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


V1 = (
    events.router,
    receipts.router,
    reading.router,
    sources.router,
    registers.router,
    feeds.router,
    followers.router,
)
"""What stands under `/v1`."""


def create_app(settings: Settings) -> FastAPI:
    """The application. Nothing connects before the first request."""
    made = parts(settings)
    pages.name_divisions(made.lineage)
    accounts = Accounts.from_file(settings.changqing_credentials_file)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.wakeups = Wakeups(made.application.database)
        try:
            yield
        finally:
            app.state.wakeups.close()
            app.state.gatherer.close()
            made.application.close()

    app = FastAPI(title="Changqing 长青", version=documents.VERSION, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.accounts = accounts
    app.state.reader = made.reader
    app.state.settings = settings
    app.state.database = made.application.database
    app.state.sources = SourceStates(made.views)
    app.state.notary = made.notary
    app.state.dispositions = Dispositions(made.application.database, made.notary)
    app.state.dead_letters = DeadLetters(made.application, made.keys)
    app.state.forms = Forms(made.keys)
    app.state.consumers = made.consumers
    app.state.feeds = Feeds(made.consumers, made.application.ledger)
    app.state.gatherer = Gatherer(partial(accept, made.application))
    for router in V1:
        app.include_router(router, prefix="/v1")
    app.include_router(pages.router, include_in_schema=False)
    app.include_router(register_pages.router, include_in_schema=False)
    app.include_router(letters.router, include_in_schema=False)
    app.include_router(following_pages.router, include_in_schema=False)
    app.middleware("http")(_secure)
    problems.install(app)
    openapi.install(app, settings.changqing_topics_file)
    _install_health(app, made)
    return app


def from_settings() -> FastAPI:
    """The application of the environment's settings, for a process of its own."""
    return create_app(Settings.read())


def _install_health(app: FastAPI, made: Parts) -> None:
    @app.get("/healthz", tags=["operation"], summary="Whether the process lives")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", tags=["operation"], summary="Whether the ledger answers, and how far each follower has come")
    def readyz() -> JSONResponse:
        try:
            made.application.ledger.check_key()
            head = made.application.recorder.max_notification_id() or 0
            positions = {"position": head, "views": made.views.position(), "relay": made.outbox.position()}
            positions["sources"] = app.state.sources.position()
            stops = {one.follower: one.stopped for one in following(made.application.database) if one.stopped}
            said = {name: {"position": stop.position, "name": stop.name} for name, stop in stops.items()}
            # what is taken in still is: a balancer that sent nobody here would only make it worse
            return JSONResponse({"status": "ready", **positions, **({"stopped": said} if said else {})})
        except DatabaseError:
            return JSONResponse({"status": "waiting for PostgreSQL"}, 503)
        except WrongKeyError as error:
            return JSONResponse({"status": str(error)}, 503)


async def _secure(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    try:
        nul = b"%00" in request.scope.get("raw_path", b"") or b"%00" in request.scope["query_string"]
        if nul:  # which no text of ours holds, and PostgreSQL takes nowhere
            response = problems.page_problem(request, refusal(Refused("invalid-request", "", "NUL")))
        else:
            response = await call_next(request)
    except Exception as error:  # noqa: BLE001 - the last place that can answer with a code
        response = problems.unforeseen(request, error)
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response
