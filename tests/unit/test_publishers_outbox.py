"""The outbox of publishers: nothing is lost, nothing is numbered twice, nobody else can read it."""

import json
import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.facts import Person
from domain.refusals import Refused
from services.client import ClientError, Outbox, OutboxBusyError, heartbeat, life_event
from services.client.outbox import Again
from tests.publishers import DEATH, NUMBER, SEQUENCE, SOURCE, death, numbers, refused, told


def test_an_event_put_twice_is_there_once_and_other_content_is_a_conflict() -> None:
    outbox = Outbox()
    first, again = numbers(outbox.put([death(), death()]))
    assert first == again
    assert refused(death(effective=date(2026, 8, 13)), outbox=outbox) == ["id-conflict"]
    assert outbox.left() == 1


def test_what_was_refused_can_be_mended_under_its_id_and_gets_a_number_of_its_own() -> None:
    outbox = Outbox()
    (number,) = numbers(outbox.put([death()], numbered=True))
    outbox.answered([(number, told(death(), "refused"))])
    assert outbox.left() == 0
    outbox.put([death(effective=date(2026, 8, 13))], numbered=True)
    (waiting,) = outbox.waiting(9, 9)
    assert json.loads(waiting.body)[SEQUENCE] == "0000000000000000002"


def test_what_mends_a_refused_event_remembers_where_that_stands_and_what_repeats_it_does_not(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox") as outbox:
        (number,) = numbers(outbox.put([death()]))
        outbox.answered([(number, msgspec.structs.replace(told(death(), "refused"), position=4711))])
        (again,) = numbers(outbox.put([death()]))
        assert [one.instead for one in outbox.waiting(9, 9)] == [0]
        outbox.answered([(again, msgspec.structs.replace(told(death(), "refused"), position=4711))])
        (mended,) = numbers(outbox.put([death(effective=date(2026, 8, 13))]))
    with Outbox(tmp_path / "outbox") as outbox:
        assert [one.instead for one in outbox.waiting(9, 9)] == [4711]
        assert outbox.standing(mended).receipt is None


def test_what_was_refused_is_sent_again_as_it_was_under_the_same_number() -> None:
    outbox = Outbox()
    (number,) = numbers(outbox.put([death()], numbered=True))
    (before,) = outbox.waiting(9, 9)
    outbox.answered([(number, told(death(), "refused"))])
    outbox.put([death()], numbered=True, again=Again.NOTHING)
    assert outbox.left() == 0
    outbox.put([death()], numbered=True)
    assert [one.body for one in outbox.waiting(9, 9)] == [before.body]


def test_what_was_accepted_is_sent_again_only_when_that_is_asked_for() -> None:
    outbox = Outbox()
    (number,) = numbers(outbox.put([death()]))
    outbox.answered([(number, told(death()))])
    assert numbers(outbox.put([death()])) == [number]
    assert outbox.left() == 0
    outbox.put([death()], again=Again.EVERYTHING)
    assert outbox.left() == 1


def test_every_source_is_numbered_by_itself_without_a_hole_though_some_cannot_be_sent() -> None:
    outbox = Outbox()
    other = msgspec.structs.replace(death("9"), source="/police/shenzhen")
    huge = death("8", evidence="x" * 200).with_attribute("padding", "x" * 70_000)
    put = outbox.put([death("1"), other, huge, heartbeat(SOURCE, 1), death("2"), death("1")], numbered=True)
    assert [one.code for one in put if isinstance(one, Refused)] == ["body-too-large"]
    given = [(one.source, json.loads(one.body).get(SEQUENCE, "")[-1:]) for one in outbox.waiting(9, 1 << 20)]
    assert given == [(SOURCE, "1"), ("/police/shenzhen", "1"), (SOURCE, ""), (SOURCE, "2")]
    assert outbox.last_sequence(SOURCE) == 2


def test_numbers_that_the_publisher_gives_are_gone_on_from() -> None:
    outbox = Outbox()
    outbox.put([death("1").with_attribute(SEQUENCE, "41"), death("2")], numbered=True)
    outbox.number_after(SOURCE, 7)  # never back
    assert outbox.last_sequence(SOURCE) == 42


def test_a_number_that_is_padded_as_ours_are_is_gone_on_from() -> None:
    outbox = Outbox()
    outbox.put([death("1").with_attribute(SEQUENCE, f"{41:019d}"), death("2")], numbered=True)
    given = [json.loads(one.body)[SEQUENCE] for one in outbox.waiting(9, 1 << 20)]
    assert given == [f"{41:019d}", f"{42:019d}"]


@pytest.mark.parametrize("given", [str(2**63), "9" * 5_000, "-1", "a", "٤"])
def test_what_is_no_number_of_a_source_leaves_the_numbering_alone(given: str) -> None:
    outbox = Outbox()
    outbox.put([death("1").with_attribute(SEQUENCE, given)], numbered=True)
    assert (outbox.left(), outbox.last_sequence(SOURCE)) == (1, 0)


def test_of_many_put_together_none_is_there_when_one_cannot_be_sent() -> None:
    outbox = Outbox()
    with pytest.raises(Refused, match="id-conflict"):
        outbox.put([death("1"), death("2"), death("2", effective=date(2026, 8, 1))], numbered=True, whole=True)
    assert outbox.left() == outbox.last_sequence(SOURCE) == 0


def test_a_batch_is_as_much_as_a_channel_takes_and_never_nothing() -> None:
    outbox = Outbox()
    outbox.put([death(str(n)) for n in range(5)])
    size = len(outbox.waiting(1, 1)[0].body) + 1
    assert [one.number for one in outbox.waiting(9, 2 * size)] == [1, 2]
    assert [one.number for one in outbox.waiting(3, 9 * size)] == [1, 2, 3]


def test_kafkas_key_names_nobody_and_is_the_same_for_all_that_is_about_somebody() -> None:
    outbox = Outbox()
    wide = Person(identity_number="".join(chr(ord(c) + 0xFEE0) for c in NUMBER))
    also = life_event(DEATH, wide, source="/police/shenzhen", record="1")
    given = death("2").with_attribute("partitionkey", "file-7f3a")
    outbox.put([death(), also, given, heartbeat(SOURCE)])
    first, second, third, fourth = (one.key for one in outbox.waiting(9, 1 << 20))
    assert first == second
    assert NUMBER not in first
    assert (third, fourth) == ("file-7f3a", SOURCE)
    assert refused(death("3").with_attribute("partitionkey", NUMBER), outbox=outbox) == ["identity-number-in-id"]


def test_an_id_made_of_the_content_is_the_same_as_long_as_the_outbox_is_kept(tmp_path: Path) -> None:
    nameless = msgspec.structs.replace(death(), id="")
    assert refused(nameless, outbox=Outbox()) == ["not-cloudevents"]
    ids = set()
    for name in ("one", "one", "other"):
        with Outbox(tmp_path / name) as outbox:
            outbox.put([nameless])
            ids.add(outbox.waiting(1, 1)[0].id)
            assert outbox.left() == 1
    assert len(ids) == 2


def test_the_file_is_its_owners_alone_and_one_process_has_it_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "new" / "outbox.db"
    with Outbox(file) as outbox:
        outbox.put([death()])
        modes = {path.stat().st_mode & 0o777 for path in file.parent.iterdir()}
        assert modes == {0o600}
        with pytest.raises(OutboxBusyError):
            Outbox(file)
    with Outbox(file) as outbox:
        assert outbox.left() == 1


def test_nobody_is_left_in_the_file_once_all_is_answered(tmp_path: Path) -> None:
    file = tmp_path / "outbox.db"
    with Outbox(file) as outbox:
        given = numbers(outbox.put([death(str(n)) for n in range(50)]))
        assert any(NUMBER.encode() in path.read_bytes() for path in tmp_path.iterdir())
        outbox.answered([(number, told(death())) for number in given])
    assert not any(NUMBER.encode() in path.read_bytes() for path in tmp_path.iterdir())


def test_a_file_that_is_no_outbox_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear colleagues, " * 100)
    with pytest.raises(ClientError, match="cannot be used as an outbox"):
        Outbox(file)
    assert file.read_text().startswith("Dear colleagues")


def _damage(file: Path) -> None:
    """What a bad disk does: each page from the seventh on begins with something else."""
    content = bytearray(file.read_bytes())
    for at in range(4_096 * 6, len(content), 4_096):
        content[at : at + 200] = bytes(200)
    file.write_bytes(content)


def test_a_damaged_outbox_is_said_to_be_that_and_is_not_gone_on_with(tmp_path: Path) -> None:
    file = tmp_path / "outbox.db"
    with Outbox(file) as outbox:
        outbox.put([death(str(n)) for n in range(100)], numbered=True)
    _damage(file)
    with pytest.raises(ClientError, match="damaged") as caught:
        Outbox(file)
    assert "\n" not in str(caught.value)  # one sentence, as of every error of the client


def test_an_outbox_that_is_damaged_meanwhile_is_said_to_be_that(tmp_path: Path) -> None:
    file = tmp_path / "outbox.db"
    with Outbox(file) as outbox:  # larger than what SQLite keeps in memory
        outbox.put([death(str(n)).with_attribute("padding", "x" * 50_000) for n in range(100)])
    with Outbox(file) as outbox:
        _damage(file)
        with pytest.raises(ClientError, match="cannot be read"):
            outbox.waiting(500, 1 << 30)


def test_what_a_program_makes_is_looked_at_like_what_is_read() -> None:
    wrong = [death("1").with_attribute("batchNo", "7"), msgspec.structs.replace(death("2"), id=f"x-{NUMBER}")]
    assert refused(*wrong, outbox=Outbox()) == ["not-cloudevents", "identity-number-in-id"]


def test_an_event_that_nobody_will_answer_can_be_given_up(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox")
    outbox.put([death("1"), death("2")], numbered=True)
    assert outbox.drop(SOURCE, death("1").id)
    assert not outbox.drop(SOURCE, death("1").id)
    assert [one.id for one in outbox.waiting(9, 1 << 20)] == [death("2").id]
    assert outbox.last_sequence(SOURCE) == 2


def test_a_full_disk_is_said_and_leaves_what_was_there(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox") as outbox:
        outbox.put([death("1")], numbered=True)
        (pages,) = outbox._db.execute("pragma page_count").fetchone()
        outbox._db.execute(f"pragma max_page_count = {pages + 1}")
        with pytest.raises(ClientError, match="full"):
            outbox.put([death(str(n)) for n in range(2, 99)], numbered=True)
        assert (outbox.left(), outbox.last_sequence(SOURCE)) == (1, 1)


KILLED = """
import sys
from pathlib import Path
from services.client import Event, Outbox
outbox = Outbox(Path(sys.argv[1]))
for n in range(100_000):
    outbox.put([Event(source="/police/x", id=str(n), type="x.v1", data=b"{}")], numbered=True)
    print(n, flush=True)
"""


def test_what_was_put_is_there_after_a_kill_in_its_order_and_the_numbers_go_on(tmp_path: Path) -> None:
    file = tmp_path / "outbox.db"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(file)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(200):
            last = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        rest = process.stdout.read().split()
    last = int(rest[-1]) if rest else last
    with Outbox(file) as outbox:
        ids = [int(one.id) for one in outbox.waiting(10_000, 1 << 30)]
        assert ids == list(range(len(ids)))
        assert len(ids) >= last + 1
        outbox.put([death()], numbered=True)
        assert outbox.last_sequence("/police/x") == len(ids)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 4), st.integers(1, 2)),
        st.tuples(st.just("answer"), st.integers(1, 4), st.sampled_from(["accepted", "parked", "refused"])),
    ),
    max_size=40,
)


@given(steps=STEPS)
def test_whatever_is_put_and_answered_what_waits_is_in_order_and_every_number_is_of_one_content(
    steps: list[tuple[str, int, int | str]],
) -> None:
    """Beside a list that is kept by definition: of each waiting event its id, its day and its number."""
    with Outbox() as outbox:
        waits: list[tuple[str, str, int]] = []
        ended: dict[str, tuple[str, int, str]] = {}
        last = 0
        for what, n, how in steps:
            if what == "answer":
                sent = outbox.waiting(n, 1 << 20)
                outbox.answered([(one.number, told(death("x"), str(how))) for one in sent])
                for id_, day, number in waits[:n]:
                    ended[id_] = (day, number, str(how))
                del waits[:n]
            else:
                event, day = death(str(n), effective=date(2026, 8, int(how))), f"2026-08-0{how}"
                (put,) = outbox.put([event], numbered=True)
                there = next((one for one in waits if one[0] == event.id), None)
                before = ended.get(event.id)
                conflict = there[1] != day if there else bool(before and before[0] != day and before[2] != "refused")
                assert isinstance(put, Refused) == conflict
                if not there and not conflict and (before is None or before[2] == "refused"):
                    same = before and before[0] == day
                    last += not same
                    waits.append((event.id, day, before[1] if before and same else last))
                    ended.pop(event.id, None)
            found = [json.loads(one.body) for one in outbox.waiting(99, 1 << 20)]
            assert [(one["id"], one["data"]["effective"], int(one[SEQUENCE])) for one in found] == waits
        assert outbox.last_sequence(SOURCE) == last
