"""The API's wiring: what it is made of, and what it closes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from infra.once import Once
from infra.statutes import the_law
from services.accepting.dispositions import Dispositions
from services.accepting.gather import Gatherer
from services.accepting.intake import accept
from services.api import (
    accounts,
    codes,
    documents,
    events,
    feeds,
    followers,
    health,
    identities,
    law,
    looks,
    once,
    openapi,
    problems,
    proposals,
    reading,
    receipts,
    registers,
    sources,
    tokens,
    unmasking,
)
from services.api import letters as dead_letters
from services.api.denials import told_to
from services.api.gate.answers import Answers
from services.api.gate.gate import Gate, Rules
from services.api.gate.metrics import Listener, Metrics
from services.api.gate.passing import EARLIER
from services.api.wakeups import Wakeups
from services.bootstrap import Parts, parts
from services.consumers.feeds import Feeds
from services.four_eyes import four_eyes
from services.letters.dealing import DeadLetters
from services.logs import configure
from services.reading.denials import Denials
from services.settings import Settings
from services.sources.states import SourceStates
from services.web import accounts as account_pages
from services.web import following as following_pages
from services.web import letters, pages, references, retirees, signing_in
from services.web import looks as look_pages
from services.web import proposals as proposal_pages
from services.web import registers as register_pages
from services.web.forms import Forms

V1 = (
    events.router,
    receipts.router,
    reading.router,
    unmasking.router,
    sources.router,
    registers.router,
    feeds.router,
    followers.router,
    looks.router,
    proposals.router,
    codes.router,
    dead_letters.router,
    law.router,
    accounts.router,
)
"""What stands under `/v1`."""

PAGES = (
    signing_in.router,
    pages.router,
    retirees.router,
    register_pages.router,
    letters.router,
    following_pages.router,
    look_pages.router,
    proposal_pages.router,
    account_pages.router,
    references.router,
)
"""The pages, in no document."""


def create_app(settings: Settings) -> FastAPI:
    """The application. Nothing connects before the first request."""
    made = parts(settings)
    pages.name_divisions(made.lineage)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.wakeups = Wakeups(made.application.database)
        host, port = settings.changqing_metrics_host, settings.changqing_metrics_port
        listener = Listener.on(metrics, host, port) if port else None
        app.state.metrics_port = listener.port if listener else None
        try:
            yield
        finally:
            if listener:
                listener.close()
            app.state.wakeups.close()
            app.state.gatherer.close()
            app.state.denials.close()
            made.application.close()

    app = FastAPI(title="Changqing 长青", version=documents.VERSION, lifespan=lifespan, docs_url=None, redoc_url=None)
    _hold(app, made, settings)
    for router in V1:
        app.include_router(router, prefix="/v1")
    app.include_router(tokens.router)
    for router in PAGES:
        app.include_router(router, include_in_schema=False)
    metrics = Metrics(app.state.database)
    rules = Rules.of(settings, Answers(partial(made.keys.tag, "entity", "tag")), metrics, made.application.tracing)
    for database in (made.application.database, made.application.ledger.database):
        database.bound(EARLIER * settings.changqing_request_seconds)
    app.state.rates = rules.rates
    app.state.crowd = rules.crowd
    app.add_middleware(Gate, rules=rules)
    problems.install(app)
    once.install(app)
    openapi.install(app, settings.changqing_topics_file)
    health.install(app, made)
    return app


def _hold(app: FastAPI, made: Parts, settings: Settings) -> None:
    """What requests are answered with."""
    identities.install(app, made, settings)
    app.state.reader = made.reader
    app.state.denials = Denials(made.application.ledger, made.keys)
    app.state.denied = told_to(app.state.denials)
    app.state.settings = settings
    app.state.database = made.application.database
    app.state.sources = SourceStates(made.views)
    app.state.source_register = made.application.sources
    app.state.law = the_law()
    app.state.notary = made.notary
    app.state.keys = made.keys
    app.state.once = Once(made.application.database, made.keys)
    app.state.dispositions = Dispositions(made.application.database, made.notary)
    app.state.dead_letters = DeadLetters(made.application, made.keys)
    app.state.forms = Forms(made.keys)
    app.state.consumers = made.consumers
    app.state.feeds = Feeds(made.consumers, made.application.ledger)
    app.state.four_eyes = four_eyes(made.application, made.keys, settings.changqing_erasure_waits_days)
    app.state.gatherer = Gatherer(partial(accept, made.application))


def from_settings() -> FastAPI:
    """The application of the environment's settings, for a process of its own."""
    configure()
    return create_app(Settings.read())
