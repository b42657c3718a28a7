"""How a file is cut into windows, and its lines are given to workers: without any server."""

import base64
import gzip
import hashlib
import json
from pathlib import Path

import pytest

from services.importing.answers import content_of
from services.importing.errors import ImportingError
from services.importing.messages import Line, Tally
from services.importing.record import Record, Summary
from services.importing.source import Mark, Source, worker_of
from tests.importing import write_lines

WORKERS = 7


def line(number: object, **more: object) -> bytes:
    return json.dumps({"specversion": "1.0", "data": {"person": {"identity_number": number}}, **more}).encode()


@pytest.mark.parametrize("known", ["110105194912310021", "11010519491231002X"])
def test_however_a_number_is_written_its_lines_are_one_workers(known: str) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) for c in known)
    about = {"person": {"name": "王小明", "identity_number": known}}
    forms = [
        line(known),
        line(known.lower()),
        line(f" {known[:6]} {known[6:14]} {known[14:]} "),
        line(wide),
        line("", data=about, id="other"),
        json.dumps({"data_base64": base64.b64encode(json.dumps({"data": 1, **about}).encode()).decode()}).encode(),
    ]

    assert len({worker_of(form, WORKERS) for form in forms}) == 1


def test_a_number_of_15_digits_goes_where_its_18_digits_go() -> None:
    assert worker_of(line("110105491231002"), WORKERS) == worker_of(line("11010519491231002X"), WORKERS)


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"null", b"[]", b"\xff", b'{"data":{}}', b'{"data_base64":"?"}', b"[" * 5_000, line(1), line("x")],
)
def test_what_cannot_be_understood_is_somebodys_all_the_same(text: bytes) -> None:
    assert worker_of(text, WORKERS) == 0


def test_people_are_spread_evenly(tmp_path: Path) -> None:
    write_lines(tmp_path / "f", 4_000)
    shares = [0, 0]
    for text in (tmp_path / "f").read_bytes().splitlines():
        shares[worker_of(text, 2)] += 1

    assert min(shares) > 1_800


def test_windows_of_any_size_hold_the_same_lines_and_end_at_marks_to_go_on_from(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"\xef\xbb\xbfa\n\r\nb\r\n \nc")
    expected = [Line(1, b"a"), Line(3, b"b"), Line(5, b"c")]

    for count in (1, 2, 3, 100):
        with Source(file) as source:
            lines, marks = [], [source.mark]
            while window := source.window(count):
                lines += window.lines
                marks.append(window.end)
        assert lines == expected
        assert marks[-1].offset == file.stat().st_size
        for mark in marks:
            with Source(file) as again:
                assert again.skip(mark)
                rest = again.window(100)
                assert (rest.lines if rest else []) == [one for one in expected if one.number > mark.line]


def test_a_mark_of_another_file_is_known_for_what_it_is(tmp_path: Path) -> None:
    for name, content in (("one", b"a\nb\nc\n"), ("other", b"a\nB\nc\n"), ("short", b"a\n")):
        (tmp_path / name).write_bytes(content)
    with Source(tmp_path / "one") as source:
        window = source.window(2)
    assert window

    for name, same in (("one", True), ("other", False), ("short", False)):
        with Source(tmp_path / name) as source:
            assert source.skip(window.end) is same


ANSWER = b'{"type":"alert-confirmed.v1","source":"/social-insurance/shenzhen"}'
WRITTEN_AS_NUMBERS = rb'{"type":"\u0061lert-confirmed.v1","source":"/social-insurance/shenzhen"}'
MENTIONED = b'{"type":"relocated.v1","source":"/social-insurance/shenzhen","about":"alert-confirmed.v1"}'
LONG = 64 * 1024 + 3
PIECE = 1024 * 1024


def over(border: int, where: int) -> bytes:
    """Lines of which one is an answer that has its byte `where` at a border."""
    return b"x" * (border - where - 1) + b"\n" + ANSWER + b"\n"


def is_answer(text: bytes) -> bool:
    try:
        event = json.loads(text.decode())
    except ValueError:
        return False
    return bool(event["type"] == "alert-confirmed.v1" and event["source"].startswith("/social-insurance/"))


@pytest.mark.parametrize(
    ("content", "answers"),
    [
        (b"", 0),
        (b"\n \n\r\n", 0),
        (ANSWER, 1),
        (b"\n".join([ANSWER, WRITTEN_AS_NUMBERS, MENTIONED, ANSWER.replace(b"/social", b"/police"), b"alert-", b"{"]), 2),
        (ANSWER + b" \r\n\r\n" + ANSWER + b"\x0b\r\n", 2),
        (b"\xef\xbb\xbf" + ANSWER + b"\n\xef\xbb\xbf" + ANSWER, 1),
        (b"\xef\xbb\xbf", 0),
        *((over(PIECE, where), 1) for where in (0, 1, 15, len(ANSWER) - 1, len(ANSWER), len(ANSWER) + 1)),
        (b"\n".join([b"y" * 1_000] * 2_000 + [ANSWER] + [b"y" * 1_000] * 3_000 + [ANSWER]), 2),
        (ANSWER.ljust(LONG - 1) + b"\n" + ANSWER.rjust(LONG) + b"\n" + ANSWER, 3),
        (b"x" * LONG + ANSWER + b"\n" + ANSWER, 1),
        (b"x" * (2 * PIECE) + ANSWER + b"\n" + ANSWER, 1),
        (b"\xef\xbb\xbf" + ANSWER.ljust(3 * PIECE) + ANSWER + b"\n" + ANSWER + b"\n" + b"x" * 3 * PIECE, 2),
    ],
)  # fmt: skip
@pytest.mark.parametrize("zipped", [False, True])
def test_answers_are_counted_as_if_line_by_line_however_the_file_is_cut(
    tmp_path: Path, content: bytes, answers: int, zipped: bool
) -> None:
    file = tmp_path / ("f.gz" if zipped else "f")
    file.write_bytes(gzip.compress(content, 1) if zipped else content)
    one_by_one = 0
    with Source(file) as source:
        while window := source.window(1):
            one_by_one += sum(is_answer(one.text) for one in window.lines)
        mark = source.mark

    with Source(file) as source:
        found = content_of(source, lambda: None)

    assert found == (f"sha256:{mark.digest}", one_by_one) == (f"sha256:{hashlib.sha256(content).hexdigest()}", answers)


def test_refusals_beyond_the_summary_are_cut_off(tmp_path: Path) -> None:
    summary = Summary(size=10, mark=Mark(5, 2, "x"), given=9, began_at=3)
    with Record(tmp_path / "refused.jsonl") as record:
        assert record.resume() is None
        length = record.add([Line(2, b"two"), Line(1, b"one")])
        record.save(Summary(size=10, mark=Mark(5, 2, "x"), given=9, began_at=3, refusals=length))
        record.add([Line(3, b"three")])  # and then a crash

    with Record(tmp_path / "refused.jsonl") as record:
        found = record.resume()
        assert found
        assert (found.mark, found.began_at, found.refusals) == (summary.mark, 3, 8)
        record.add([Line(4, b"four")])

    assert (tmp_path / "refused.jsonl").read_bytes() == b"one\ntwo\nfour\n"


def test_a_summary_that_is_none_and_refusals_that_lost_lines_are_not_gone_on_from(tmp_path: Path) -> None:
    file = tmp_path / "refused.jsonl"
    with Record(file) as record:
        record.save(Summary(size=1, mark=Mark(0, 0, ""), given=1, began_at=0, refusals=5))
        with pytest.raises(ImportingError, match="lost some of its lines"):
            record.resume()
        record.summary_path.write_text("{}")
        with pytest.raises(ImportingError, match="no import's summary"):
            record.resume()
        record.summary_path.unlink()
        file.write_text("mine")
        with pytest.raises(ImportingError, match="no import's; --restart"):
            record.resume()


def test_tallies_add_up() -> None:
    assert Tally() + Tally() == Tally()
    one, other = Tally(accepted=1, parked=2, first=5, last=9), Tally(known=3, refused=4, first=3, last=4)
    total = one + other + Tally()
    assert total == Tally(accepted=1, parked=2, known=3, refused=4, first=3, last=9)
    assert total.lines == 10
