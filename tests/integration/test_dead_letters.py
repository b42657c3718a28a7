"""What could not be taken in from Kafka is inspected, mended, sent again and given up, by command and by page."""

import json
import re
from asyncio import Runner
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event as Signal
from typing import Any

import msgspec
import pytest
from httpx import ASGITransport, AsyncClient, Response
from typer.testing import CliRunner

from domain.disclosures import DataDisclosed
from domain.dispositions import DeadLetterClosed, SubmissionRefused
from domain.facts import Department
from domain.history import Event, FactPublished, Receipt
from domain.law import Law
from domain.refusals import Refused
from infra import codec, log
from infra.database import Database
from infra.keys import KeyRing
from infra.letters import Wanted
from infra.refused import LETTER_LIMIT, Headers
from services.accepting.intake import accept
from services.accounts import Account, Role
from services.api.app import create_app
from services.application import Changqing
from services.bus.worker import Arrived
from services.cli import main
from services.letters.dealing import AT_A_TIME, NOBODY, DeadLetters
from services.settings import Settings
from tests.accounts import bearer, form, new_accounts
from tests.building import number_of

INTAKE = "intake.civil-affairs"
SOURCE = "/civil-affairs/shenzhen"
MINE = Account(name="mine", role=Role.PUBLISHER, department=Department.CIVIL_AFFAIRS)
POLICE = Account(name="police", role=Role.PUBLISHER, department=Department.POLICE)
OFFICER = Account(name="officer", role=Role.OFFICER, department=Department.AGENCY)
AUDITOR = Account(name="auditor", role=Role.AUDITOR, department=Department.AGENCY)


def death(id_: str, *, on: str = "2024-03-12", number: str | None = None) -> bytes:
    event = {
        "specversion": "1.0",
        "type": "death-reported.v1",
        "source": SOURCE,
        "id": id_,
        "datacontenttype": "application/json",
        "data": {"person": {"identity_number": number or number_of(1), "name": "王小明"}, "effective": on},
    }
    return json.dumps(event, ensure_ascii=False).encode()


class Post:
    """A ledger whose intake topics have brought this and that."""

    def __init__(self, application: Changqing, keys: KeyRing, database: Database) -> None:
        self.application = application
        self.dead = DeadLetters(application, keys)
        self._database = database

    def came(self, *values: bytes, headers: Headers = ()) -> list[str]:
        """Messages of Kafka that come to nothing; their places."""
        there = len(self.dead.letters.page(Wanted()))
        arrived = [Arrived(INTAKE, 0, there + n, headers, value) for n, value in enumerate(values)]
        accept(self.application, [one.received for one in arrived])
        return [one.place for one in arrived]

    def log(self, kind: type[Event]) -> list[Any]:
        """The events of a kind in the log."""
        entries = [entry for rows in log.scan(self._database) for entry in codec.entries(rows)]
        return [entry.event for entry in entries if isinstance(entry.event, kind)]


@pytest.fixture
def post(dsn: str, keys: KeyRing, law: Law, database: Database) -> Iterator[Post]:
    application = Changqing(dsn, keys, law)
    yield Post(application, keys, database)
    application.close()


# Looking


def test_letters_are_counted_by_failure_and_listed_in_the_order_they_came(post: Post) -> None:
    places = post.came(death("1", on="1900-01-01"), b"{", death("2", on="1901-01-01"))
    groups = post.dead.letters.groups(Wanted())
    assert [(group.code, group.path, group.letters) for group in groups] == [
        ("date-before-birth", "data.effective", 2),
        ("malformed-json", "", 1),
    ]
    assert [letter.place for letter in post.dead.letters.page(Wanted())] == places
    assert [letter.id for letter in post.dead.letters.page(Wanted(code="date-before-birth"))] == ["1", "2"]
    assert post.dead.letters.page(Wanted(department=Department.POLICE)) == []


def test_a_look_at_the_original_is_recorded_with_whom_it_is_about_before_it_is_shown(post: Post) -> None:
    accept(post.application, [Arrived(INTAKE, 1, 0, (), death("0")).received])
    (place,) = post.came(body := death("1", on="1900-01-01"))
    assert post.dead.original(MINE, place).value == body
    (fact,) = post.log(FactPublished)
    (seen,) = post.log(DataDisclosed)
    assert (seen.actor, seen.department, seen.fields) == ("mine", "civil-affairs", ("original", f"dead-letter:{place}"))
    assert seen.retirees != (NOBODY,)
    (rubbish,) = post.came(b"{")
    post.dead.original(AUDITOR, rubbish)
    assert post.log(DataDisclosed)[1].retirees == (NOBODY,)
    assert fact.id == "0"


def test_a_message_whose_headers_are_no_utf_8_is_a_letter_like_any_other(post: Post) -> None:
    name = b"\xc4\xfa".decode("utf-8", "surrogateescape")
    headers = [("x-note", b"\xff"), (name, b"1"), ("ce_specversion", b"1.0"), ("ce_id", b"\xb1\xe0\xba\xc5")]
    (place,) = post.came(b"{}", headers=headers)
    shown = post.dead.original(MINE, place)
    assert (shown.named, shown.value) == (headers, b"{}")
    assert shown.shown[:2] == [("x-note", "\\xff"), ("\\xc4\\xfa", "1")]
    answer = post.dead.replay(MINE, place)
    assert (answer.status, post.dead.find(place).code) == ("refused", "not-cloudevents")


def test_another_department_sees_no_original_and_leaves_no_trace(post: Post) -> None:
    (place,) = post.came(b"{")
    for account in (POLICE, OFFICER):
        with pytest.raises(Refused, match="forbidden"):
            post.dead.original(account, place)
    assert post.log(DataDisclosed) == []


# Sending again


def test_what_is_refused_again_goes_on_waiting_and_is_told_once(post: Post) -> None:
    (place,) = post.came(death("1", on="1900-01-01"))
    for _ in range(2):
        answer = post.dead.replay(MINE, place)
        assert (answer.status, answer.known) == ("refused", True)
    assert post.dead.find(place).state == "waiting"
    assert len(post.log(SubmissionRefused)) == 1
    assert post.log(DeadLetterClosed) == []


def test_after_a_fault_of_ours_the_same_bytes_are_taken_in_at_most_once_and_the_letter_is_closed(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as faulty:
        faulty.setattr("infra.batch.decide", fails)
        places = post.came(death("1"), death("2", number=number_of(2)))
    assert [letter.code for letter in post.dead.letters.page(Wanted())] == ["internal", "internal"]
    tried = list(post.dead.replay_all(OFFICER, Wanted(code="internal")))
    assert [(one.place, one.answer and one.answer.status) for one in tried] == [(place, "parked") for place in places]
    facts = post.log(FactPublished)
    assert [(fact.source, fact.id, fact.published_by, fact.channel) for fact in facts] == [
        (SOURCE, "1", f"kafka:{INTAKE}", "kafka"),
        (SOURCE, "2", f"kafka:{INTAKE}", "kafka"),
    ]
    closed = post.log(DeadLetterClosed)
    assert [(one.place, one.end, one.by, one.id) for one in closed] == [
        (places[0], "replayed", "officer", "1"),
        (places[1], "replayed", "officer", "2"),
    ]
    assert list(post.dead.replay_all(OFFICER, Wanted())) == []
    with pytest.raises(Refused, match="dead-letter-closed"):
        post.dead.replay(OFFICER, places[0])
    assert len(post.log(FactPublished)) == 2


def test_a_letter_whose_fact_came_otherwise_is_closed_as_known(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as faulty:
        faulty.setattr("infra.batch.decide", fails)
        (place,) = post.came(death("1"))
    (receipt,) = accept(post.application, [Arrived(INTAKE, 1, 0, (), death("1")).received])
    answer = post.dead.replay(MINE, place)
    assert isinstance(answer, Receipt)
    assert (answer.known, answer.position) == (True, receipt.position)
    assert post.dead.find(place).successor == receipt.position


def test_everything_that_waits_is_tried_once_however_many_pages_it_fills(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.letters.dealing.AT_A_TIME", 3)
    places = post.came(*(death(str(n), on="1900-01-01") for n in range(10)))
    tried = list(post.dead.replay_all(OFFICER, Wanted()))
    assert [one.place for one in tried] == places


def test_an_officer_of_another_department_deals_with_its_own_letters_alone(post: Post) -> None:
    (place,) = post.came(death("1", on="1900-01-01"))
    theirs = msgspec.structs.replace(OFFICER, department=Department.POLICE)
    assert list(post.dead.replay_all(theirs, Wanted())) == []
    for deed in (lambda: post.dead.replay(theirs, place), lambda: post.dead.give_up(theirs, place, "none")):
        with pytest.raises(Refused, match="forbidden"):
            deed()
    assert post.dead.find(place).state == "waiting"


@pytest.mark.parametrize("second", ["mend", "replay", "replay-all", "give-up"])
def test_of_two_who_deal_with_a_letter_at_once_the_second_finds_it_closed(
    post: Post, database: Database, monkeypatch: pytest.MonkeyPatch, second: str
) -> None:
    """Both would be taken in under ids of their own, and the second be told that nothing had happened."""
    (place,) = post.came(death("1", on="1900-01-01"))
    begun, go_on = Signal(), Signal()

    def slowly(*given: Any) -> Any:
        monkeypatch.undo()
        begun.set()
        assert go_on.wait(30)
        return accept(*given)

    monkeypatch.setattr("services.letters.dealing.accept", slowly)
    deeds: dict[str, Callable[[], object]] = {
        "mend": lambda: post.dead.mend(MINE, place, death("b")),
        "replay": lambda: post.dead.replay(OFFICER, place),
        "replay-all": lambda: list(post.dead.replay_all(OFFICER, Wanted())),
        "give-up": lambda: post.dead.give_up(OFFICER, place, "测试数据"),
    }
    with ThreadPoolExecutor(2) as people:
        one = people.submit(post.dead.mend, MINE, place, death("a"))
        assert begun.wait(30)
        other = people.submit(deeds[second])
        while not (other.done() or waits(database)):
            pass
        go_on.set()
        assert isinstance(one.result(), Receipt)
        if second == "replay-all":
            assert other.result() == []
        else:
            with pytest.raises(Refused, match="dead-letter-closed"):
                other.result()
    assert [fact.id for fact in post.log(FactPublished)] == ["a"]
    assert [closed.end for closed in post.log(DeadLetterClosed)] == ["mended"]
    assert [refusal.place for refusal in post.log(SubmissionRefused)] == [f"kafka:{place}"]


def waits(database: Database) -> bool:
    """Whether somebody waits for a letter that another has in hand."""
    with database.transaction() as connection:
        return bool(connection.execute("select from pg_locks where locktype = 'advisory' and not granted").fetchall())


def test_letters_that_are_open_at_once_are_not_more_than_a_process_can_hold() -> None:
    assert AT_A_TIME * LETTER_LIMIT <= 32 * 1024 * 1024


def test_a_publisher_sends_only_its_own_again(post: Post) -> None:
    (place,) = post.came(death("1", on="1900-01-01"))
    assert list(post.dead.replay_all(POLICE, Wanted())) == []
    for account in (POLICE, AUDITOR):
        with pytest.raises(Refused, match="forbidden"):
            post.dead.replay(account, place)
    with pytest.raises(Refused, match="forbidden"):
        list(post.dead.replay_all(AUDITOR, Wanted()))


# Mending


def test_mended_bytes_are_taken_in_in_the_publishers_name_and_linked(post: Post, keys: KeyRing) -> None:
    (place,) = post.came(death("1", on="1900-01-01"))
    refused = post.dead.mend(MINE, place, death("1", on="2999-01-01"))
    assert refused.status == "refused"
    assert post.dead.find(place).code == "date-before-birth", "why it waits is what came, not what was tried"
    answer = post.dead.mend(MINE, place, death("1"))
    assert isinstance(answer, Receipt)
    (fact,) = post.log(FactPublished)
    assert (fact.published_by, fact.fact.effective.isoformat()) == (f"kafka:{INTAKE}", "2024-03-12")
    (closed,) = post.log(DeadLetterClosed)
    assert (closed.end, closed.by, closed.position, closed.retiree) == (
        "mended",
        "mine",
        answer.position,
        answer.retiree,
    )
    letter = post.dead.find(place)
    assert (letter.state, letter.successor, letter.kept) == ("mended", answer.position, False)
    assert [one.place for one in post.log(SubmissionRefused)] == [f"kafka:{place}", f"mended:{place}"]


def test_a_mended_value_in_binary_mode_goes_under_the_old_headers(post: Post) -> None:
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_type", b"death-reported.v1"),
        ("ce_source", SOURCE.encode()),
        ("ce_id", b"7"),
        ("content-type", b"application/json"),
    ]
    data = json.loads(death("7"))["data"]
    (place,) = post.came(json.dumps(data | {"effective": "soon"}).encode(), headers=headers)
    assert isinstance(post.dead.mend(MINE, place, json.dumps(data).encode()), Receipt)
    assert [fact.id for fact in post.log(FactPublished)] == ["7"]


def test_only_who_may_publish_for_the_department_mends(post: Post) -> None:
    (place,) = post.came(b"{")
    for account in (POLICE, OFFICER, AUDITOR):
        with pytest.raises(Refused, match="forbidden"):
            post.dead.mend(account, place, death("1"))
    assert post.log(FactPublished) == []


def test_mended_bytes_speak_for_nobody_else(post: Post) -> None:
    (place,) = post.came(b"{")
    answer = post.dead.mend(MINE, place, death("1").replace(SOURCE.encode(), b"/police/shenzhen"))
    assert msgspec.structs.asdict(answer)["code"] == "not-your-source"


# Giving up


def test_what_is_given_up_is_told_with_its_reason_and_its_bytes_go(post: Post) -> None:
    (place,) = post.came(b"{")
    for reason, code in (
        ("  ", "missing-field"),
        (f"of {number_of(1)}", "identity-number-in-id"),
        ("x" * 501, "invalid-field"),
    ):
        with pytest.raises(Refused, match=code):
            post.dead.give_up(MINE, place, reason)
    post.dead.give_up(MINE, place, "测试数据")
    (closed,) = post.log(DeadLetterClosed)
    assert (closed.end, closed.reason, closed.by, closed.position) == ("given-up", "测试数据", "mine", None)
    letter = post.dead.find(place)
    assert (letter.state, letter.kept, letter.reason) == ("given-up", False, "测试数据")
    for deed in (lambda: post.dead.original(MINE, place), lambda: post.dead.give_up(MINE, place, "again")):
        with pytest.raises(Refused, match="dead-letter-closed"):
            deed()


def test_bytes_that_were_too_many_can_be_mended_but_not_sent_again(post: Post) -> None:
    (place,) = post.came(b"x" * (600 * 1024))
    with pytest.raises(Refused, match="original-not-kept"):
        post.dead.replay(MINE, place)
    assert [one.answer for one in post.dead.replay_all(MINE, Wanted())] == [None]
    assert isinstance(post.dead.mend(MINE, place, death("1")), Receipt)


# By command


@pytest.fixture
def environment(dsn: str) -> dict[str, str]:
    new_accounts(dsn, ((one.name, one.role, one.department, "") for one in (MINE, POLICE, OFFICER)))
    return {"DATABASE_URL": dsn, "CHANGQING_KEY": bytes(range(32)).hex()}


def command(environment: dict[str, str], *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["dead-letters", *words], env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_the_commands_list_show_mend_send_again_and_give_up(
    post: Post, environment: dict[str, str], tmp_path: Path
) -> None:
    bad, rubbish, third = post.came(death("1", on="1900-01-01"), b"{", death("3", on="1900-01-01"))
    code, said = command(environment, "list")
    assert code == 0
    assert "日期早于出生日期 the date lies before the person's birth" in said
    assert all(place in said for place in (bad, rubbish, third))
    assert number_of(1) not in said
    listed = json.loads(command(environment, "list", "--json", "--code", "date-before-birth")[1])
    assert [letter["place"] for letter in listed["letters"]] == [bad, third]
    code, said = command(environment, "show", bad)
    assert (code, "核对日期和身份证号" in said, "check the date" in said) == (0, True, True)
    assert command(environment, "show", bad, "--original")[0] == 2
    code, said = command(environment, "show", bad, "--original", "--account", "mine")
    assert (code, number_of(1) in said) == (0, True)
    assert len(post.log(DataDisclosed)) == 1

    mended = tmp_path / "mended.json"
    mended.write_bytes(death("1", on="2999-01-01"))
    assert command(environment, "mend", bad, str(mended), "--account", "mine")[0] == 3
    mended.write_bytes(death("1"))
    assert command(environment, "mend", bad, str(mended), "--account", "police")[0] == 3
    assert command(environment, "mend", bad, str(mended), "--account", "nobody")[0] == 2
    assert command(environment, "mend", bad, str(mended), "--account", "mine")[0] == 0
    assert command(environment, "replay", bad, "--account", "mine")[0] == 3, "it is closed"
    assert command(environment, "replay", third, "--account", "mine")[0] == 3, "it is refused again"
    code, said = command(
        environment, "replay", "--group", "date-before-birth:data.effective", "--account", "officer", "--json"
    )
    assert (code, json.loads(said)) == (3, {"refused": 1})
    assert command(environment, "replay", "--account", "officer")[0] == 2
    assert command(environment, "give-up", rubbish, "--reason", "测试数据", "--account", "mine")[0] == 0
    assert command(environment, "give-up", "nowhere-0-1", "--reason", "x", "--account", "mine")[0] == 3
    assert command(environment, "replay", "--all", "--account", "police") == (0, "没有等待处理的死信 no letter waits\n")
    assert [letter.place for letter in post.dead.letters.page(Wanted())] == [third]


# By page


class Browser:
    """What each account's browser is shown, and sends."""

    def __init__(self, runner: Runner, client: AsyncClient, secrets: dict[str, str]) -> None:
        self._runner = runner
        self._client = client
        self._secrets = secrets
        self._tokens: dict[str, str] = {}
        self._headers: dict[str, dict[str, str]] = {}

    def get(self, account: str, path: str) -> Response:
        return self._runner.run(self._client.get(f"/pages/dead-letters{path}", headers=self._as(account)))

    def token(self, account: str) -> str:
        """What stands in the forms that an account was shown first."""
        if account not in self._tokens:
            self._tokens[account] = re.findall(r'name="token" value="(\w+)"', self.get(account, "").text)[0]
        return self._tokens[account]

    def post(self, account: str, where: str, /, **fields: str) -> Response:
        """Send a form, with the token of the account's page unless another is given."""
        fields = fields if "token" in fields else fields | {"token": self.token(account)}
        sent = self._client.post(f"/pages/dead-letters{where}", data=fields, headers=self._as(account))
        return self._runner.run(sent)

    def _as(self, account: str) -> dict[str, str]:
        if account not in self._headers:
            asked = self._client.post("/oauth/token", data=form(account, self._secrets[account]))
            self._headers[account] = bearer(self._runner.run(asked)) | {"Accept": "text/html"}
        return self._headers[account]


@pytest.fixture
def browser(dsn: str) -> Iterator[Browser]:
    everybody = (MINE, POLICE, OFFICER, AUDITOR)
    secrets = new_accounts(dsn, ((one.name, one.role, one.department, "") for one in everybody))
    settings = {"DATABASE_URL": dsn, "CHANGQING_KEY": bytes(range(32)).hex()}
    app = create_app(Settings.of(settings))
    lifespan = app.router.lifespan_context(app)
    client = AsyncClient(transport=ASGITransport(app), base_url="http://here")
    with Runner() as runner:
        runner.run(lifespan.__aenter__())
        yield Browser(runner, client, secrets)
        runner.run(client.aclose())
        runner.run(lifespan.__aexit__(None, None, None))


def test_the_page_shows_the_groups_and_the_letters_of_whom_an_account_may_see(post: Post, browser: Browser) -> None:
    (place, _) = post.came(death("1", on="1900-01-01"), b"{")
    for account in ("mine", "officer", "auditor"):
        page = browser.get(account, "").text
        assert all(said in page for said in (place, "日期早于出生日期", "check encoding", "死信"))
        assert ("全部重新发送" in page) == (account != "auditor")
    assert "没有死信" in browser.get("police", "").text
    assert browser.get("police", f"/{place}").status_code == 403
    assert browser.get("mine", "/nowhere-0-1").status_code == 404
    only = browser.get("mine", "?code=malformed-json").text
    assert "date-before-birth" not in only


def test_a_letter_is_looked_at_mended_and_closed_by_its_page(post: Post, browser: Browser) -> None:
    (place,) = post.came(death("1", on="1900-01-01"))
    assert number_of(1) not in browser.get("mine", f"/{place}").text
    shown = browser.post("mine", f"/{place}/original").text
    assert number_of(1) in shown
    assert "<textarea" in shown
    assert [seen.actor for seen in post.log(DataDisclosed)] == ["mine"]
    wrong = browser.post("mine", f"/{place}/mend", text="{").text
    assert "malformed-json" in wrong
    right = browser.post("mine", f"/{place}/mend", text=death("1").decode()).text
    assert "改正后已受理" in right
    assert [fact.id for fact in post.log(FactPublished)] == ["1"]
    assert browser.post("mine", f"/{place}/replay").status_code == 409


def test_a_group_is_sent_again_and_one_given_up_by_the_page(post: Post, browser: Browser) -> None:
    places = post.came(death("1", on="1900-01-01"), death("2", on="1900-01-01"), b"{")
    sent = browser.post(
        "officer", "/replay", code="date-before-birth", path="data.effective", department="civil-affairs"
    )
    assert sent.status_code == 303
    assert (
        browser.get("officer", sent.headers["location"].removeprefix("/pages/dead-letters")).text.count("不予受理 2")
        == 1
    )
    page = browser.post("officer", f"/{places[2]}/give-up", reason="测试数据").text
    assert "已放弃" in page
    assert "测试数据" in page


@pytest.mark.parametrize("token", ["", "guessed", "1f" * 16])
def test_a_form_from_elsewhere_changes_nothing(post: Post, browser: Browser, token: str) -> None:
    (place,) = post.came(b"{")
    for path, fields in (
        (f"/{place}/give-up", {"reason": "x"}),
        (f"/{place}/mend", {"text": "{}"}),
        ("/replay", {}),
        (f"/{place}/original", {}),
    ):
        answer = browser.post("mine", path, token=token, **fields)
        assert answer.status_code == 403
        assert "form-expired" in answer.text or "表单" in answer.text
    of_another = browser.token("officer")
    assert browser.post("mine", f"/{place}/give-up", token=of_another, reason="x").status_code == 403
    assert post.dead.find(place).state == "waiting"
    assert post.log(DataDisclosed) == []


def test_what_came_is_shown_as_text_and_never_as_a_page(post: Post, browser: Browser) -> None:
    (place,) = post.came(b"</textarea><script>alert(1)</script>")
    assert "<script>" not in browser.post("mine", f"/{place}/original").text
