"""The whole API tried against its own document by schemathesis: what is answered that the document does not say, and to whom what is told."""

import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import httpx
from schemathesis import Config, openapi
from schemathesis.core.transport import Response
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

from domain.law import Law
from infra.database import Database
from infra.embedded import Postgres
from infra.keys import KeyRing
from infra.ledger import Ledger
from services.registers import REGISTERS
from tests.canaries import ACCOUNTS, MAY_SEE, Canary, settle
from tests.conftest import copied
from tests.serving import Served, serving

_STREAM_SECONDS = 2
_ACCEPTED = ["2xx", "3xx", "401", "403", "404", "409", "410", "422", "429"]
"""What may be answered to whatever the document allows; 422: what no schema can say, as a check digit or a day to come. Never 400."""


class Trial(NamedTuple):
    """What came of trying: what is wrong, each said once, and how often each operation gave each status."""

    wrong: dict[str, str]
    answers: dict[tuple[str, int], int]

    @property
    def said(self) -> str:
        """What is wrong, to read."""
        return "\n\n".join(f"{what}\n  {how}" for what, how in self.wrong.items())


class Town(NamedTuple):
    """The application over HTTP, and the people of its ledger."""

    served: Served
    canaries: list[Canary]
    database: Database


@contextmanager
def inhabited(server: Postgres, migrated: str, keys: KeyRing, law: Law) -> Iterator[Town]:
    """A town, in a database of its own."""
    with copied(server, migrated) as dsn, closing(Database(dsn)) as database, TemporaryDirectory() as folder:
        canaries = settle(Ledger(database, keys, law), database)
        with serving(dsn, Path(folder), ACCOUNTS) as served:
            yield Town(served, canaries, database)


def tried(town: Town, account: str, given: Mapping[str, Any]) -> Trial:
    """Try every operation of the document as an account, or as nobody (`""`). `given`: settings of schemathesis."""
    served, canaries, database = town
    with database.transaction() as connection:  # of the trial before: many failed to get a token
        connection.execute("delete from ledger.attempt")
    headers = served.headers(account) if account else {}
    settings = {
        "headers": headers,
        "request-timeout": 20,
        "continue-on-failure": True,
        "checks": {"positive_data_acceptance": {"expected-statuses": _ACCEPTED}},
        "operations": [{"include-path-regex": "stream$", "request-timeout": _STREAM_SECONDS}],
        "dictionaries": {name: {"values": values} for name, values in _known(canaries).items()},
        "parameters": {name: {"dictionary": name, "probability": 0.5} for name in _known(canaries)},
        **given,
    }
    schema = openapi.from_url(f"{served.url}/openapi.json", config=Config.from_dict(settings))
    hidden = [mark for one in canaries if one.community not in MAY_SEE[account] for mark in one.marks]
    trial = Trial({}, {})
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _note(trial, event.recorder, hidden)
        elif isinstance(event, events.NonFatalError | events.FatalError):
            trial.wrong[f"{type(event).__name__}: {getattr(event, 'label', '')}"] = str(event)
    return trial


def _known(canaries: Iterable[Canary]) -> dict[str, list[str]]:
    """Values of parameters that hit somebody: by the parameter's name."""
    dead = [one for one in canaries if one.dead]  # of whom there are alerts
    return {
        "retiree": [str(one.retiree) for one in dead],
        "alert": [f"{one.retiree}-1" for one in dead],
        "division": sorted({one.community[:n] for one in canaries for n in (4, 9, 12)}),
        "register": sorted(REGISTERS),
        "as": ["csv", "xlsx"],
    }


def stolen(town: Town, account: str) -> Iterator[tuple[str, httpx.Response]]:
    """What an account is answered by every path that is read, with everything that names somebody put where the path takes it."""
    served, canaries, _ = town
    known = _known(canaries)
    with httpx.Client(base_url=served.url, headers=served.headers(account) if account else {}, timeout=20) as client:
        document = client.get("/openapi.json").json()
        for path, operations in document["paths"].items():
            if "get" in operations and not path.endswith("stream"):
                for asked in _asked(path, operations["get"].get("parameters", []), known):
                    yield asked, client.get(asked)


def _asked(path: str, parameters: list[dict[str, Any]], known: Mapping[str, list[str]]) -> Iterator[str]:
    """A path with each value of what stands in it, and so with each value of each of its questions; where none is known, nobody's."""
    inside = [one["name"] for one in parameters if one["in"] == "path"]
    questions = [one["name"] for one in parameters if one["in"] == "query" and one["name"] in known]
    needed = {one["name"]: "0" for one in parameters if one["in"] == "query" and one.get("required")}
    for values in product(*(known.get(name, ["nothing"]) for name in inside)):
        whole = path.format(**{name: quote(value) for name, value in zip(inside, values, strict=True)})
        for more in [{}, *({name: value} for name in questions for value in known[name])]:
            yield f"{whole}?{urlencode(needed | more)}"


def _note(trial: Trial, recorder: ScenarioRecorder, hidden: Iterable[str]) -> None:
    for case, one in recorder.interactions.items():
        if one.response is None:
            continue
        place = (recorder.label, one.response.status_code)
        trial.answers[place] = trial.answers.get(place, 0) + 1
        if leaked := leaks(one.response, hidden):
            trial.wrong[f"{recorder.label}: tells of {leaked}"] = one.request.uri
        for check in recorder.checks.get(case, []):
            if check.failure_info and not _beyond_schemas(check.name, one.response):
                failure = check.failure_info.failure
                asked = f"{one.request.method} {one.request.uri} {one.request.body!r:.300}"
                answered = one.response.content.decode(errors="replace")
                said = f"{asked}\n  {failure.message}\n  {one.response.status_code} {answered:.400}"
                trial.wrong.setdefault(
                    f"{recorder.label}: {check.name}: {failure.title} ({one.response.status_code})", said
                )


def _beyond_schemas(check: str, response: Response) -> bool:
    """Whether what was refused is a cursor that we never gave, or a whole number with a fraction: what no schema tells apart.

    Or something of an answer that a chain took for an id, and that is none by the document's own pattern.
    """
    if check != "positive_data_acceptance" or response.status_code != 400:
        return False
    problem = response.json()
    of_cursors = str(problem["path"]).rpartition(".")[2] in {"after", "before", "position"}
    of_chains = str(problem["path"]).startswith("path.") and str(problem["detail"]).startswith("String should match")
    return of_cursors or of_chains or problem["detail"] == "an attribute is text, a whole number, true or false"


def _values(given: str | list[str] | None) -> list[str]:
    return [given] if isinstance(given, str) else given or []


def leaks(response: Response | httpx.Response, hidden: Iterable[str]) -> list[str]:
    """Which marks stand in an answer: in its body, unpacked where it is a workbook, or in its headers."""
    body = response.content or b""
    if body.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(body)) as book:
            body = b"".join(book.read(name) for name in book.namelist())
    body += repr(dict(response.headers)).encode()
    for chance in ("x-request-id", "etag"):  # any digits may stand there
        for value in _values(response.headers.get(chance)):
            body = body.replace(value.strip('W/"').encode(), b"")
    return [mark for mark in hidden if mark.encode() in body]
