"""A person is erased by two people and a wait: nothing that is left says who it was, and everything goes on."""

import hashlib
import hmac
from collections.abc import Iterator
from datetime import date, timedelta
from threading import Event
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from domain.dispositions import SubmissionRefused
from domain.erasing import PersonErased
from domain.facts import DeathReported, Department, IdentityLinked, Person
from domain.history import Entry, Receipt
from domain.identity import shortened
from domain.law import Law
from domain.proposals import Act, Proposal, Wish
from domain.refusals import Refused
from infra import codec, log
from infra.database import Database
from infra.erasing import Erased, Erasure
from infra.histories import stored_history
from infra.holds import Holds
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.proposals import Proposals
from infra.refused import Letter, Original, Refusals, Refusing
from infra.searching import Search
from infra.submissions import Submission
from tests.building import number_of, retirement, submission

TODAY = date(2024, 4, 10)
DUE = date(2024, 4, 17)
BASIS = "个人信息保护法 第四十七条"
DIED = DeathReported(effective=date(2024, 1, 31), document="民政〔2024〕1号")
NOBODY = UUID("00000000-0000-0000-0000-00000000dead")


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law) -> Ledger:
    return Ledger(database, keys, law)


@pytest.fixture
def proposals(database: Database) -> Proposals:
    return Proposals(database)


@pytest.fixture
def erasure(database: Database, keys: KeyRing) -> Erasure:
    return Erasure(database, keys)


@pytest.fixture
def owner(dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def person(number: str, name: str = "欧阳致远") -> Person:
    return Person(identity_number=number, name=name, phone="15400000001", address="深圳市福田区景田街道一号")


def told(ours: Ledger, *given: Submission) -> list[Receipt]:
    answers = ours.accept(given, TODAY)
    assert all(isinstance(one, Receipt) for one in answers), answers
    return [one for one in answers if isinstance(one, Receipt)]


def erasing(retiree: UUID) -> Wish:
    return Wish(act=Act.ERASE, reason="kept long enough", basis=BASIS, retiree=retiree)


def proposed(proposals: Proposals, retiree: UUID) -> Proposal:
    made = proposals.make(erasing(retiree), "wang", TODAY)
    return proposals.approve(made.id, "li", TODAY)


def erased(ours: Ledger, proposals: Proposals, retiree: UUID) -> Erased:
    return Erasure(ours.database, KeyRing(bytes(range(32)))).carry_out(
        proposed(proposals, retiree).id, "operator:zhao", DUE
    )


def refused(attempt: object, *given: object) -> str:
    with pytest.raises(Refused) as caught:
        attempt(*given)  # type: ignore[operator] # a bound method
    return caught.value.code


def entries(database: Database) -> list[Entry]:
    return [entry for rows in log.scan(database) for entry in codec.entries(rows)]


def everything(owner: psycopg.Connection) -> dict[str, str]:
    """Every table of the database as text, its bytes as hex digits."""
    tables = owner.execute(
        "select schemaname, tablename from pg_tables where schemaname in ('ledger', 'views', 'public')"
    ).fetchall()
    found = {}
    for schema, table in tables:
        rows = owner.execute(sql.SQL("select t::text from {} t").format(sql.Identifier(schema, table))).fetchall()
        found[f"{schema}.{table}"] = "\n".join(row for (row,) in rows)
    return found


def test_the_key_goes_with_the_event_that_says_so_and_nothing_more_is_taken_in(
    ours: Ledger, proposals: Proposals, database: Database
) -> None:
    mine, other = told(ours, submission(retirement(), "1"), submission(retirement(), "2", number=number_of(2)))
    assert erased(ours, proposals, mine.retiree) == Erased((mine.retiree,), ())
    last, done = entries(database)[-1], entries(database)[-2]
    assert isinstance(last.event, PersonErased)
    assert (last.stream, last.event.records, done.name) == (mine.retiree, (mine.retiree,), "proposal-done.v1")
    (answer, fine) = ours.accept(
        [submission(DIED, "3", department=Department.CIVIL_AFFAIRS), submission(DIED, "4", number=number_of(2))], TODAY
    )
    assert isinstance(answer, Refused)
    assert answer.code == "person-erased"
    assert isinstance(fine, Receipt) or fine.code != "person-erased"
    (again,) = ours.accept([submission(retirement(), "1")], TODAY)
    assert isinstance(again, Receipt), "the receipt that was given stays as it was"
    assert (again.position, again.retiree, again.known) == (mine.position, mine.retiree, True)
    assert other.retiree != mine.retiree


def test_nobody_is_erased_without_a_second_person_before_the_day_or_twice(
    ours: Ledger, proposals: Proposals, erasure: Erasure
) -> None:
    (mine,) = told(ours, submission(retirement(), "1"))
    made = proposals.make(erasing(mine.retiree), "wang", TODAY)
    assert refused(erasure.carry_out, made.id, "wang", DUE) == "needs-approval"
    assert refused(proposals.approve, made.id, "wang", TODAY) == "second-person"
    with pytest.raises(Refused, match="already-proposed"):
        proposals.make(erasing(mine.retiree), "zhao", TODAY)
    proposals.approve(made.id, "li", TODAY)
    assert proposals.due(DUE - timedelta(days=1)) == []
    assert refused(erasure.carry_out, made.id, "li", DUE - timedelta(days=1)) == "proposal-waits"
    assert proposals.due(DUE) == [made.id]
    erasure.carry_out(made.id, "li", DUE)
    assert refused(erasure.carry_out, made.id, "li", DUE) == "proposal-closed"
    with pytest.raises(Refused, match="not-found"):
        proposals.make(erasing(mine.retiree), "wang", DUE)


def test_whoever_is_held_is_not_erased_until_two_people_have_lifted_the_hold(
    ours: Ledger, proposals: Proposals, erasure: Erasure, database: Database
) -> None:
    (mine,) = told(ours, submission(retirement(), "1"))
    made = proposed(proposals, mine.retiree)
    holds = Holds(database)
    hold = holds.place(mine.retiree, "zhao", "a recovery is under way", "社会保险经办条例 第四十六条")
    assert refused(erasure.carry_out, made.id, "li", DUE) == "legal-hold"
    wish = Wish(act=Act.LIFT_HOLD, reason="it is over", basis=BASIS, retiree=mine.retiree, subject=str(hold.hold))
    lift = proposals.make(wish, "zhao", DUE)
    assert refused(holds.lift, lift.id, "zhao", DUE) == "needs-approval"
    proposals.approve(lift.id, "li", DUE)
    assert holds.lift(lift.id, "zhao", DUE).state == "done"
    assert holds.all(mine.retiree) == []
    erasure.carry_out(made.id, "li", DUE)
    assert [one.name for one in entries(database)[-8:]].count("legal-hold-lifted.v1") == 1


def test_services_cannot_erase_by_the_database_what_no_proposal_allows(
    ours: Ledger, proposals: Proposals, database: Database
) -> None:
    mine, other = told(ours, submission(retirement(), "1"), submission(retirement(), "2", number=number_of(2)))
    ahead = date.today() + timedelta(days=3)  # noqa: DTZ011 - later than the database's own day, whatever its zone
    made = proposals.make(erasing(mine.retiree), "wang", ahead)
    attempts = [(made.id, mine.retiree), (UUID(int=7), mine.retiree)]
    for proposal, retiree in attempts:
        with pytest.raises(psycopg.DatabaseError) as caught, database.transaction() as connection:
            connection.execute("select ledger.erase(%s, %s::uuid[])", [proposal, [retiree]])
        assert caught.value.sqlstate == "CQ003"
    proposals.approve(made.id, "li", ahead)
    for retiree in (mine.retiree, other.retiree):
        with pytest.raises(psycopg.DatabaseError) as caught, database.transaction() as connection:
            connection.execute("select ledger.erase(%s, %s::uuid[])", [made.id, [retiree]])
        assert caught.value.sqlstate == "CQ003"


def test_services_can_neither_delete_nor_overwrite_a_key_by_themselves(
    ours: Ledger, proposals: Proposals, database: Database
) -> None:
    (mine,) = told(ours, submission(retirement(), "1"))
    for statement in (
        "delete from ledger.retiree_key",
        "update ledger.retiree_key set wrapped = ''",
        "truncate ledger.retiree_key",
        "with gone as (delete from ledger.retiree_key returning 1) select * from gone",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.transaction() as connection:
            connection.execute(statement.encode())
    assert erased(ours, proposals, mine.retiree).records == (mine.retiree,)


def test_both_records_of_a_person_with_two_numbers_go(ours: Ledger, proposals: Proposals, database: Database) -> None:
    both = Person(identity_number=number_of(1), other_identity_number=number_of(2))
    mine, old, other = told(
        ours,
        submission(retirement(), "1"),
        submission(DIED, "2", number=number_of(2), department=Department.CIVIL_AFFAIRS),
        submission(retirement(), "3", number=number_of(3)),
    )
    told(ours, submission(IdentityLinked(effective=TODAY), "4", person=both, department=Department.POLICE))
    assert set(erased(ours, proposals, old.retiree).records) == {mine.retiree, old.retiree}
    with database.transaction() as connection:
        left = connection.execute("select retiree from ledger.retiree_key").fetchall()
    assert left == [(other.retiree,)]


def test_dead_letters_with_the_number_go_and_later_ones_about_the_erased_are_kept_without_their_bytes(
    ours: Ledger, proposals: Proposals, database: Database, keys: KeyRing, owner: psycopg.Connection
) -> None:
    (mine,) = told(ours, submission(retirement(), "1"))
    number = number_of(1)
    bodies = {
        "a": f'{{"person": {{"identity_number": "{number}"}}}}',
        "b": f'{{"person": {{"identity_number": "{number[:6]} {number[6:14]} {number[14:]}"}}}}',
        "c": '{"n": "' + "".join(f"\\u{ord(one):04x}" for one in number) + '"}',
        "d": f"号码：{shortened(number)}。",
        "e": f'{{"person": {{"identity_number": "{number_of(2)}"}}}}',
    }
    refusals = Refusals(ours, keys)

    def letter(place: str, body: str, code: str) -> Refusing:
        event = SubmissionRefused(
            department=Department.POLICE, published_by="police", place=f"kafka:{place}", code=code, path="", detail="",
            digest=refusals.digest(body.encode()),
        )  # fmt: skip
        return Refusing(event, Letter(place=place, channel="kafka", original=Original.of([], body.encode())))

    refusals.record([letter(place, body, "malformed-json") for place, body in bodies.items()])
    assert erased(ours, proposals, mine.retiree).letters == ("a", "b", "c", "d")
    refusals.record([letter("f", bodies["a"], "person-erased")])
    kept = owner.execute("select place, sealed is not null, reason from ledger.dead_letter order by place").fetchall()
    assert [(place, has) for place, has, _ in kept] == [(one, one == "e") for one in "abcdef"]
    assert kept[0][2] == "person-erased"


def numbers_of_a_day() -> list[str]:
    """All identity numbers of one birth date in one division: the serial numbers, each with the check digit that fits."""
    return [number for number in (number_of(n) for n in range(1, 1_000)) if number]


def hashes(text: str) -> Iterator[str]:
    """What somebody without the keys would try for a text: in clear, and by every common hash, keyed by what is public."""
    plain = text.encode()
    yield plain.hex()
    yield text
    for made in (
        plain,
        b"identity-number\0" + plain,
        b"content\0" + plain,
        b"name\0" + plain,
        b"search part of a name\0" + plain,
    ):
        for kind in ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b"):
            yield hashlib.new(kind, made).hexdigest()[:32]
        yield hashlib.blake2b(made, digest_size=16).hexdigest()
        yield hashlib.blake2b(made, digest_size=32).hexdigest()[:32]
        for key in (b"", b"\0" * 32, b"changqing", b"tag names and identity numbers"):
            yield hmac.digest(key, made, "sha256").hex()[:32]


def test_a_dictionary_of_all_numbers_of_a_birth_date_finds_nothing_without_the_keys_and_no_record_with_them(
    ours: Ledger, proposals: Proposals, keys: KeyRing, owner: psycopg.Connection
) -> None:
    mine, other = told(
        ours,
        submission(retirement(), "1", person=person(number_of(1))),
        submission(retirement(), "2", number=number_of(2)),
    )
    Search(ours.database, keys).apply(entries(ours.database))
    before = everything(owner)
    tag = keys.tag("identity-number", number_of(1)).hex()
    assert tag in before["ledger.identity"]
    assert mine.retiree.hex in before["ledger.identity"].replace("-", "")
    names = [keys.tag("name", "欧阳致远").hex()]
    names += [keys.tag("search part of a name", part).hex() for part in ("欧阳", "阳致", "致远")]
    assert all(name in before["views.search"] for name in names[1:])
    assert names[0].encode().hex() in before["ledger.stream"], "the tag of a name stands in the state as hex digits"

    erased(ours, proposals, mine.retiree)
    after = everything(owner)
    dump = "\n".join(after.values())
    guesses = [*numbers_of_a_day(), "欧阳致远", "欧阳", "阳致", "致远", "15400000001", "深圳市福田区景田街道一号"]
    assert len(guesses) > 900
    assert [guess for guess in guesses if any(one in dump for one in hashes(guess))] == []
    with_the_keys = {guess: keys.tag("identity-number", guess).hex() for guess in numbers_of_a_day()}
    lines = after["ledger.identity"].splitlines()
    led_to = {guess: line for guess, one in with_the_keys.items() for line in lines if one in line}
    assert set(led_to) == {number_of(1), number_of(2)}
    assert str(NOBODY) in led_to[number_of(1)]
    assert str(other.retiree) in led_to[number_of(2)]
    assert not any(name in dump or name.encode().hex() in dump for name in names)


def test_the_days_pass_and_histories_are_read_as_before(
    ours: Ledger, proposals: Proposals, keys: KeyRing, database: Database
) -> None:
    mine, _ = told(ours, submission(retirement(), "1"), submission(retirement(), "2", number=number_of(2)))
    erased(ours, proposals, mine.retiree)
    ours.pass_days(DUE, Event(), lambda *_: None)
    ours.look_at_everybody(DUE)
    with database.transaction() as connection:
        events, history = stored_history(connection, keys, mine.retiree)
    assert [type(event).__name__ for event in events[:1]] == ["FactPublished"]
    assert len(history) == 1


def test_the_log_after_an_erasure_is_the_log_before_it_and_what_was_added(
    ours: Ledger, proposals: Proposals, owner: psycopg.Connection
) -> None:
    (mine,) = told(ours, submission(retirement(), "1"))
    stored = "select position, stream, version, name, recorded_at, state from ledger.event order by position"
    inbox = "table ledger.inbox"
    made = proposed(proposals, mine.retiree)
    before, receipts = owner.execute(stored).fetchall(), owner.execute(inbox).fetchall()
    Erasure(ours.database, KeyRing(bytes(range(32)))).carry_out(made.id, "li", DUE)
    assert owner.execute(stored).fetchall()[: len(before)] == before
    assert owner.execute(inbox).fetchall() == receipts
