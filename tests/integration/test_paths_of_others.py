"""Every path of the API and of the pages, asked by everybody for what is somebody else's: it is not shown to them."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from httpx import Response
from msgspec.structs import replace

from domain.consumers import Terms
from domain.facts import DeathReported, Department
from domain.rights.acts import Act
from infra.consumers import Consumers
from infra.database import Database
from infra.embedded import Postgres
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.migrations import migrate
from infra.searching import Search
from infra.statutes import the_law, the_rights
from services.accounts import Role
from services.api.app import PAGES, V1
from services.reading.reader import Reader
from tests.asking import Asking, asking, catch_up
from tests.building import number_of, retirement, submission
from tests.handing import DL, SZ
from tests.viewing import entries

D = Department
ACCOUNTS = {
    "community": (Role.COMMUNITY, SZ),
    "sibling": (Role.COMMUNITY, f"{SZ[:6]}002"),
    "elsewhere": (Role.COMMUNITY, DL),
    "officer": (Role.OFFICER, "4403"),
    "officer-elsewhere": (Role.OFFICER, "2102"),
    "auditor": (Role.AUDITOR, "4403"),
    "auditor-elsewhere": (Role.AUDITOR, "2102"),
    "guardian": (Role.GUARDIAN, "4403"),
    "publisher": (Role.PUBLISHER, ""),
    "administrator": (Role.ADMINISTRATOR, ""),
}
_NUMBER = number_of(1)
_HERE = frozenset({"community", "officer"})
_OFFICE = frozenset({"officer", "auditor"})
_AUDITORS = frozenset({"auditor", "auditor-elsewhere"})
_AGENCY = frozenset({"officer", "officer-elsewhere"})
_OVERSEERS = frozenset({"auditor", "guardian"})
_NOBODY: frozenset[str] = frozenset()
_LETTER = "canary-0-1"
_SOURCE = "/civil-affairs/canary"
_FEED = "canary-feed"


class Ask(NamedTuple):
    """Questions for what is somebody's: the act that a path asks for (None: any account, or nobody in particular), and who is shown it.

    `{retiree}`, `{alert}`: of somebody registered in SZ. `body`: what is posted.
    """

    act: Act | None
    shown_to: frozenset[str]
    urls: tuple[str, ...]
    body: object = None


_THEN = "known=2099-01-01"
_UNMASK = {"fields": ["name", "identity_number"], "reason": "identity-check"}
_WISH = {
    "act": "person.erase",
    "retiree": "{retiree}",
    "reason": "kept long enough",
    "basis": "个人信息保护法 第四十七条",
}
_PEOPLE = ("roster", "archives", "party-relations", "fees", "visits", "verifications")
PATHS = {
    "POST /v1/events": Ask(Act.PUBLISH, _NOBODY, ("/v1/events",), {}),
    "GET /v1/receipts": Ask(
        Act.RECEIPTS, _AUDITORS | {"publisher"}, ("/v1/receipts?source=/civil-affairs/shenzhen&id=canary",)
    ),
    "GET /v1/keys": Ask(None, _NOBODY, ("/v1/keys",)),
    "GET /v1/alerts": Ask(Act.ALERTS, _OFFICE, ("/v1/alerts", "/v1/alerts?since=1")),
    "GET /v1/alerts/stream": Ask(Act.ALERTS, _OFFICE, ()),  # what it sends is what `/v1/alerts` answers, without an end
    "GET /v1/inbox": Ask(Act.ALERTS, _OFFICE, ("/v1/inbox?state=", f"/v1/inbox?state=&{_THEN}")),
    "GET /v1/alerts/{alert}": Ask(Act.ALERTS, _OFFICE, ("/v1/alerts/{alert}", f"/v1/alerts/{{alert}}?{_THEN}")),
    "GET /v1/roster": Ask(
        Act.ROSTER,
        _HERE,
        (
            f"/v1/roster?division={SZ}",
            f"/v1/roster?division={SZ}&on=2026-01-01",
            f"/v1/roster?division={SZ}&{_THEN}",
            f"/v1/roster?division={SZ}&status=stopped",
        ),
    ),
    "GET /v1/roster/counts": Ask(Act.ROSTER, _NOBODY, (f"/v1/roster/counts?division={SZ}",)),
    "POST /v1/roster/search": Ask(Act.SEARCH, _HERE | {"guardian"}, ("/v1/roster/search",), {"number": _NUMBER}),
    "GET /v1/retirees/{retiree}": Ask(
        Act.RETIREE, _HERE, ("/v1/retirees/{retiree}", f"/v1/retirees/{{retiree}}?{_THEN}")
    ),
    "GET /v1/audit": Ask(Act.AUDIT, _OVERSEERS, ("/v1/audit", "/v1/audit?retiree={retiree}")),
    "GET /v1/sources": Ask(Act.SOURCES, _AUDITORS | _AGENCY | {"publisher", "administrator"}, ("/v1/sources",)),
    "GET /v1/sources/missing": Ask(
        Act.SOURCES, _AUDITORS | _AGENCY | {"publisher", "administrator"}, (f"/v1/sources/missing?source={_SOURCE}",)
    ),
    "GET /v1/registers": Ask(None, _NOBODY, ("/v1/registers",)),
    "GET /v1/registers/{register}": Ask(
        Act.ROSTER,
        _HERE,
        (
            f"/v1/registers/roster?division={SZ}",
            f"/v1/registers/archives?division={SZ}",
            f"/v1/registers/roster?division={SZ}&as=csv",
        ),
    ),
    "GET /v1/consumers": Ask(Act.CONSUMERS, _AUDITORS | {"publisher", "administrator"}, ("/v1/consumers",)),
    "GET /v1/feeds/{consumer}": Ask(None, _NOBODY, (f"/v1/feeds/{_FEED}", f"/v1/feeds/{_FEED}?after=0")),
    "GET /v1/feeds/{consumer}/stream": Ask(None, _NOBODY, (f"/v1/feeds/{_FEED}/stream",)),
    "POST /v1/feeds/{consumer}/acknowledge": Ask(None, _NOBODY, (f"/v1/feeds/{_FEED}/acknowledge",), {"position": 1}),
    "GET /v1/followers": Ask(Act.FOLLOWERS, _NOBODY, ("/v1/followers",)),
    "GET /": Ask(None, _NOBODY, ("/",)),
    "GET /static/style.css": Ask(None, _NOBODY, ("/static/style.css",)),
    "GET /pages/inbox": Ask(Act.ALERTS, _OFFICE, ("/pages/inbox?state=",)),
    "GET /pages/alerts/{alert}": Ask(Act.ALERTS, _OFFICE, ("/pages/alerts/{alert}",)),
    "GET /pages/roster": Ask(Act.ROSTER, _HERE, (f"/pages/roster?division={SZ}",)),
    "GET /pages/roster/counts": Ask(Act.ROSTER, _NOBODY, (f"/pages/roster/counts?division={SZ}",)),
    "POST /pages/roster/search": Ask(
        None, _NOBODY, ("/pages/roster/search",), {"number": _NUMBER}
    ),  # no token, no answer
    "GET /pages/retirees/{retiree}": Ask(Act.RETIREE, _HERE, ("/pages/retirees/{retiree}",)),
    "GET /pages/audit": Ask(Act.AUDIT, _OVERSEERS, ("/pages/audit",)),
    "GET /pages/sources": Ask(Act.SOURCES, _AUDITORS | _AGENCY | {"publisher", "administrator"}, ("/pages/sources",)),
    "GET /pages/consumers": Ask(Act.CONSUMERS_WATCH, _AUDITORS | {"administrator"}, ("/pages/consumers",)),
    "GET /pages/registers": Ask(None, _NOBODY, ("/pages/registers",)),
    "GET /pages/registers/{register}": Ask(Act.ROSTER, _HERE, (f"/pages/registers/archives?division={SZ}",)),
    "GET /pages/registers/{register}/{form}": Ask(
        Act.ROSTER,
        _HERE,
        (f"/pages/registers/roster/csv?division={SZ}", f"/pages/registers/roster/print?division={SZ}"),
    ),
    "GET /pages/dead-letters": Ask(Act.LETTERS, _AUDITORS | _AGENCY | {"publisher"}, ("/pages/dead-letters",)),
    "GET /pages/dead-letters/{place}": Ask(
        Act.LETTERS, _AUDITORS | _AGENCY | {"publisher"}, (f"/pages/dead-letters/{_LETTER}",)
    ),
    "POST /pages/dead-letters/replay": Ask(None, _NOBODY, ("/pages/dead-letters/replay",), {}),
    **{
        f"POST /pages/dead-letters/{{place}}/{form}": Ask(None, _NOBODY, (f"/pages/dead-letters/{_LETTER}/{form}",), {})
        for form in ("original", "replay", "mend", "give-up")
    },
    "GET /pages/followers": Ask(Act.FOLLOWERS, _NOBODY, ("/pages/followers",)),
    "GET /v1/retirees/{retiree}/looks": Ask(
        Act.LOOKS,
        _OVERSEERS,
        ("/v1/retirees/{retiree}/looks", f"/v1/retirees/{{retiree}}/looks?{_THEN}"),
    ),
    "GET /pages/retirees/{retiree}/looks": Ask(Act.LOOKS, _OVERSEERS, ("/pages/retirees/{retiree}/looks",)),
    "GET /pages/retirees/{retiree}/looks/print": Ask(Act.LOOKS, _OVERSEERS, ("/pages/retirees/{retiree}/looks/print",)),
    "POST /v1/retirees/{retiree}/unmask": Ask(
        Act.UNMASK, _HERE | {"guardian"}, ("/v1/retirees/{retiree}/unmask",), _UNMASK
    ),
    "POST /v1/registers/{register}/unmasked": Ask(
        Act.UNMASK, _HERE, (f"/v1/registers/roster/unmasked?division={SZ}",), {"reason": "identity-check"}
    ),
    "GET /v1/purposes": Ask(None, _NOBODY, ("/v1/purposes",)),
    "GET /v1/errors": Ask(None, _NOBODY, ("/v1/errors",)),
    "GET /v1/law": Ask(Act.LAW, _NOBODY, (f"/v1/law?division={SZ}",)),
    "GET /v1/law/{key}": Ask(Act.LAW, _NOBODY, ("/v1/law/fee",)),
    "GET /v1/sources/registered": Ask(
        Act.SOURCES, _AUDITORS | _AGENCY | {"publisher", "administrator"}, ("/v1/sources/registered",)
    ),
    "GET /v1/dead-letters": Ask(Act.LETTERS, _AUDITORS | _AGENCY | {"publisher"}, ("/v1/dead-letters",)),
    "GET /v1/dead-letters/{place}": Ask(
        Act.LETTERS, _AUDITORS | _AGENCY | {"publisher"}, (f"/v1/dead-letters/{_LETTER}",)
    ),
    "POST /v1/dead-letters/replay": Ask(
        Act.LETTERS_SEND, _NOBODY, ("/v1/dead-letters/replay",), {"code": "malformed-json"}
    ),
    "POST /v1/dead-letters/{place}/original": Ask(
        Act.LETTERS_ORIGINAL, _NOBODY, (f"/v1/dead-letters/{_LETTER}/original",), {}
    ),  # its bytes were not kept
    "POST /v1/dead-letters/{place}/replay": Ask(Act.LETTERS_SEND, _NOBODY, (f"/v1/dead-letters/{_LETTER}/replay",), {}),
    "POST /v1/dead-letters/{place}/mend": Ask(
        Act.LETTERS_SEND, frozenset({"publisher"}), (f"/v1/dead-letters/{_LETTER}/mend",), {}
    ),
    "POST /v1/dead-letters/{place}/give-up": Ask(
        Act.LETTERS_SEND, _NOBODY, (f"/v1/dead-letters/{_LETTER}/give-up",), {"reason": " "}
    ),  # which is none
    "GET /v1/accounts": Ask(Act.ACCOUNTS, _NOBODY, ("/v1/accounts",)),
    "GET /v1/accounts/{account}": Ask(Act.ACCOUNTS, _NOBODY, ("/v1/accounts/community",)),
    "POST /v1/accounts": Ask(
        Act.ACCOUNTS_MANAGE,
        _NOBODY,
        ("/v1/accounts",),
        {"account": "community", "role": "officer", "department": "community"},
    ),  # there is one
    "POST /v1/accounts/{account}/change": Ask(Act.ACCOUNTS_MANAGE, _NOBODY, ("/v1/accounts/nobody/change",), {}),
    "POST /v1/accounts/{account}/secret": Ask(Act.ACCOUNTS_MANAGE, _NOBODY, ("/v1/accounts/nobody/secret",), {}),
    "POST /v1/accounts/{account}/disable": Ask(
        Act.ACCOUNTS_MANAGE, _NOBODY, ("/v1/accounts/nobody/disable",), {"reason": "r"}
    ),
    "POST /v1/accounts/{account}/enable": Ask(Act.ACCOUNTS_MANAGE, _NOBODY, ("/v1/accounts/nobody/enable",), {}),
    "POST /v1/accounts/{account}/unlock": Ask(Act.ACCOUNTS_MANAGE, _NOBODY, ("/v1/accounts/nobody/unlock",), {}),
    "GET /pages/accounts": Ask(Act.ACCOUNTS, _NOBODY, ("/pages/accounts",)),
    "GET /v1/proposals": Ask(
        Act.PROPOSALS, _OVERSEERS | {"officer"}, ("/v1/proposals", "/v1/proposals?retiree={retiree}")
    ),
    "GET /v1/proposals/{proposal}": Ask(Act.PROPOSALS, _OVERSEERS | {"officer"}, ("/v1/proposals/{proposal}",)),
    "POST /v1/proposals": Ask(None, _NOBODY, ("/v1/proposals",), _WISH),  # made already
    "POST /v1/proposals/{proposal}/approve": Ask(
        Act.PROPOSALS, _NOBODY, ("/v1/proposals/{proposal}/approve",), {}
    ),  # by who made it
    "POST /v1/proposals/{proposal}/refuse": Ask(
        Act.PROPOSALS, _NOBODY, ("/v1/proposals/{proposal}/refuse",), {"reason": "no"}
    ),
    "POST /v1/proposals/{proposal}/withdraw": Ask(
        Act.PROPOSALS, _NOBODY, ("/v1/proposals/00000000-0000-0000-0000-000000000001/withdraw",), {}
    ),
    "POST /v1/proposals/{proposal}/carry-out": Ask(
        Act.PROPOSALS, _NOBODY, ("/v1/proposals/{proposal}/carry-out",), {}
    ),  # nobody approved
    "GET /v1/holds": Ask(None, _OVERSEERS | {"officer"}, ("/v1/holds", "/v1/holds?retiree={retiree}")),
    "POST /v1/holds": Ask(
        None, frozenset({"officer", "guardian"}), ("/v1/holds",), {"retiree": "{retiree}", "reason": "r", "basis": "b"}
    ),
    "GET /pages/proposals": Ask(Act.PROPOSALS, _OVERSEERS | {"officer"}, ("/pages/proposals",)),
    **{
        f"POST {path}": Ask(None, _NOBODY, (path,), {})
        for path in (
            "/pages/accounts",
            "/pages/accounts/{name}/{deed}",
            "/pages/proposals",
            "/pages/proposals/holds",
            "/pages/proposals/{proposal}/{deed}",
            "/pages/retirees/{retiree}/unmask",
            "/pages/account/password",
            "/pages/account/purpose",
            "/pages/account/sign-out",
        )
    },  # no token, no answer
    "POST /pages/registers/{register}/unmasked": Ask(
        None, _NOBODY, (f"/pages/registers/roster/unmasked?division={SZ}",), {}
    ),
    "POST /login": Ask(None, _NOBODY, ("/login",), {}),
    **{
        f"GET {path}": Ask(None, _NOBODY, (path.format(code="forbidden"),))
        for path in (
            "/login",
            "/login/oidc",
            "/login/oidc/callback",
            "/pages/account",
            "/pages/api",
            "/pages/errors",
            "/pages/errors/{code}",
        )
    },
}
"""Every path there is: one that is added without a line here fails."""


class Town(NamedTuple):
    """Who can be asked, and what nobody else may be shown: ids of the person and the alert, the names of what is a department's."""

    asked: Asking
    retiree: str
    alert: str
    proposal: str

    def ask(self, account: str, url: str, body: object) -> Response:
        known = {
            "retiree": self.retiree,
            "alert": self.alert,
            "proposal": self.proposal,
            "deed": "approve",
            "name": "community",
        }
        url = url.format(**known)
        if isinstance(body, dict):
            body = {key: said.format(**known) if isinstance(said, str) else said for key, said in body.items()}
        return self.asked.asked(account, url) if body is None else self.asked.post(account, url, body)

    def shows(self, answer: Response, url: str) -> bool:
        """Whether anything of it is shown. What the question itself said counts where it was answered."""
        if answer.status_code >= 400:
            said = {self.retiree, self.alert, _NUMBER, "王小明"}
            assert not any(one in answer.text for one in said), answer.text
            return False
        marks = {"receipts": ["canary"], "sources": [_SOURCE], "consumers": [_FEED], "dead-letters": [_LETTER]}
        wanted = next(
            (found for part, found in marks.items() if part in url), [self.retiree, _NUMBER, _masked(_NUMBER)]
        )
        return any(one in answer.text for one in wanted)


def _masked(number: str) -> str:
    return f"{number[:6]}********{number[-4:]}"


@pytest.fixture(scope="module")
def town(postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    dsn = postgres_server.dsn("paths_of_others")
    migrate(dsn)
    database, keys = Database(dsn), KeyRing(bytes(range(32)))
    ledger = Ledger(database, keys, the_law())
    home = replace(retirement(), residence_division=SZ, hukou_division=SZ)
    death = DeathReported(effective=date(2026, 3, 1), document="民政〔2026〕1号")
    for fact, department in ((home, D.AGENCY), (death, D.CIVIL_AFFAIRS)):
        one = submission(fact, "canary", number=_NUMBER, name="王小明", department=department)
        (receipt,) = ledger.accept([one], date(2026, 4, 1))
        assert not isinstance(receipt, Exception), receipt
    terms = Terms(kind="feed", department=D.CIVIL_AFFAIRS, account="somebody", types=("death-reported",))
    Consumers(database, keys).register(_FEED, terms, "operator")
    catch_up(database)
    Search(database, keys).apply(entries(database))
    with psycopg.connect(dsn) as owner:
        owner.execute(
            "insert into ledger.dead_letter (place, channel, department, published_by, digest, size, position, recorded_at, code, path, detail) "
            "values (%s, 'kafka', 'civil-affairs', 'x', '', 1, 1, now(), 'malformed-json', '', '')",
            [_LETTER],
        )
        owner.execute(
            "insert into views.source (source, state, minute, since) values (%s, %s, now(), 1)",
            [_SOURCE, f'{{"source": "{_SOURCE}", "department": "civil-affairs", "position": 1}}'],
        )
        owner.execute("insert into ledger.source values (%s, 'civil-affairs', '', false, null, false)", [_SOURCE])
        row = owner.execute("select retiree::text, alert from views.alert_inbox").fetchone()
        assert row is not None
    folder: Path = tmp_path_factory.mktemp("accounts")
    with asking(dsn, folder, ACCOUNTS) as asked:
        about = {"retiree": row[0], "reason": "a recovery", "basis": "个人信息保护法 第四十七条"}
        made = asked.post("guardian", "/v1/proposals", {**about, "act": "person.erase"}).raise_for_status().json()
        asked.post("guardian", "/v1/holds", about).raise_for_status()
        asked.json("officer", "/v1/retirees/" + row[0])  # a look
        catch_up(database)
        yield Town(asked, row[0], row[1], made["proposal"])
    database.close()
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as admin:
        admin.execute("drop database paths_of_others with (force)")


def test_every_path_stands_here() -> None:
    routers = [("/v1", router) for router in V1]
    routers += [("", router) for router in PAGES]
    found = {
        f"{method} {prefix}{route.path}"  # type: ignore[attr-defined] # all of them are routes of paths
        for prefix, router in routers
        for route in router.routes
        for method in route.methods  # type: ignore[attr-defined] # likewise
    }
    assert found == set(PATHS)


@pytest.mark.parametrize("path", PATHS)
def test_what_is_somebodys_is_shown_to_whoever_it_is_for_and_to_nobody_else(town: Town, path: str) -> None:
    ask = PATHS[path]
    for url in ask.urls:
        answers = {account: town.ask(account, url, ask.body) for account in ACCOUNTS}
        assert {account for account, answer in answers.items() if answer.status_code >= 500} == set()
        assert {account for account, answer in answers.items() if town.shows(answer, url)} == ask.shown_to, url


@pytest.mark.parametrize("path", [path for path, ask in PATHS.items() if ask.act and ask.urls])
def test_who_may_not_do_what_a_path_is_for_is_refused_by_it(town: Town, path: str) -> None:
    ask = PATHS[path]
    assert ask.act is not None
    departments = {Role.COMMUNITY: D.COMMUNITY, Role.PUBLISHER: D.CIVIL_AFFAIRS}
    for account, (role, _) in ACCOUNTS.items():
        may = ask.act in the_rights().acts_of(role, departments.get(role, D.AGENCY))
        for url in ask.urls:
            answer = town.ask(account, url, ask.body)
            if not may:
                assert answer.status_code == 403, (account, url)
                assert answer.json()["code"] == "forbidden"


@pytest.mark.parametrize("account", ["sibling", "elsewhere", "officer-elsewhere"])
def test_a_filter_that_was_forgotten_shows_nothing(town: Town, monkeypatch: pytest.MonkeyPatch, account: str) -> None:
    """The application is made to believe that every division is everybody's: PostgreSQL does not."""
    monkeypatch.setattr(Reader, "_may_see", lambda *_: True)
    monkeypatch.setattr("services.reading.inboxes.office_of", lambda _: "")
    for url in PATHS["GET /v1/roster"].urls:
        assert town.asked.json(account, url) == []
    assert town.ask(account, "/v1/roster/search", {"number": _NUMBER}).json() == []
    assert town.ask(account, "/v1/retirees/{retiree}", None).status_code == 403
    if account == "officer-elsewhere":
        assert town.asked.json(account, "/v1/alerts")["alerts"] == town.asked.json(account, "/v1/inbox?state=") == []
        assert town.ask(account, "/v1/alerts/{alert}", None).status_code == 403
    for register in _PEOPLE:
        assert town.asked.json(account, f"/v1/registers/{register}?division={SZ}")["rows"] == []
