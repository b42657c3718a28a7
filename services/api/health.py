"""Whether the process lives, and whether the ledger answers, for balancers. Anybody may ask, so many askers cost no more than one."""

import asyncio
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from infra.database import DatabaseError
from infra.followers import following
from infra.keys import WrongKeyError
from services.api.answering import Also, answers
from services.bootstrap import Parts
from services.sources.states import SourceStates

FRESH_SECONDS = 1.0
"""So long one reading answers everybody."""
PATIENCE_SECONDS = 5.0
"""Whoever asks hears by then that PostgreSQL has not answered."""

Said = tuple[int, dict[str, Any]]
_WAITING: Said = 503, {"status": "waiting for PostgreSQL"}


class Readiness:
    """What the ledger answered last. One reading at a time, in one thread, however many ask."""

    def __init__(self, made: Parts) -> None:
        self._made = made
        self._at = 0.0
        self._said: Said | None = None
        self._reading: asyncio.Task[Said] | None = None

    async def said(self) -> Said:
        """The status of the answer, and what it says."""
        if self._said and asyncio.get_running_loop().time() - self._at < FRESH_SECONDS:
            return self._said
        self._reading = self._reading or asyncio.create_task(self._read())
        try:
            return await asyncio.wait_for(asyncio.shield(self._reading), PATIENCE_SECONDS)
        except TimeoutError:  # the reading goes on, and the next who ask wait for the same one
            return _WAITING

    async def _read(self) -> Said:
        try:
            self._said = await asyncio.to_thread(self._asked)
            self._at = asyncio.get_running_loop().time()
            return self._said
        finally:
            self._reading = None

    def _asked(self) -> Said:
        made = self._made
        try:
            made.application.ledger.check_key()
            head = made.application.recorder.max_notification_id() or 0
            positions = {"position": head, "views": made.views.position(), "relay": made.outbox.position()}
            positions["sources"] = SourceStates(made.views).position()
            stops = {one.follower: one.stopped for one in following(made.application.database) if one.stopped}
        except DatabaseError:
            return _WAITING
        except WrongKeyError as error:
            return 503, {"status": str(error)}
        said = {name: {"position": stop.position, "name": stop.name} for name, stop in stops.items()}
        # what is taken in still is: a balancer that sent nobody here would only make it worse
        return 200, {"status": "ready", **positions, **({"stopped": said} if said else {})}


def install(app: FastAPI, made: Parts) -> None:
    """Answer balancers."""
    readiness = Readiness(made)

    @app.get("/healthz", tags=["operation"], summary="Whether the process lives")
    @answers(dict[str, str])
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", tags=["operation"], summary="Whether the ledger answers, and how far each follower has come")
    @answers(dict[str, Any], also={503: Also("It does not, and why", dict[str, str])})
    async def readyz() -> JSONResponse:
        status, said = await readiness.said()
        return JSONResponse(said, status)
