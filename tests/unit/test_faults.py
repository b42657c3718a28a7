"""What is told of a fault that was not foreseen holds no value: what it was, and where in our own code."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import structlog
from starlette.requests import Request

from domain.identity import normal
from infra.faults import in_words, told
from services.api.problems import unforeseen

NUMBER = "110101194912310021"
NAME = "王小明"


def fail_with_a_person() -> None:
    """As a fault of ours does: a frame of ours, whose variables and whose message name somebody."""
    try:
        normal({NUMBER: NAME})  # type: ignore[arg-type] # what nobody foresaw
    except TypeError as error:
        raise LookupError(f"no {NAME} of {NUMBER}") from error


@contextmanager
def log() -> Iterator[io.StringIO]:
    """What the process says, as a terminal would show it, with all that structlog knows of an exception."""
    said = io.StringIO()
    before = structlog.get_config()
    structlog.reset_defaults()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(said), cache_logger_on_first_use=False)
    try:
        yield said
    finally:
        structlog.configure(**before)


def test_a_fault_is_told_by_its_types_and_our_frames() -> None:
    with pytest.raises(LookupError) as caught:
        fail_with_a_person()
    assert told(caught.value)["fault"] == "LookupError <- TypeError"


def test_our_frames_are_named_by_file_line_and_function_and_nobody_elses() -> None:
    with pytest.raises(LookupError) as caught:
        fail_with_a_person()
    frames = told(caught.value)["frames"]
    assert isinstance(frames, list)
    assert [one.split(" ")[1] for one in frames] == ["normal", "examine"]
    assert all(re.fullmatch(r"domain/identity\.py:[0-9]+ [a-z]+", one) for one in frames)
    assert in_words(caught.value) == f"LookupError <- TypeError at {', '.join(frames)}"


def test_what_the_process_says_of_a_request_that_failed_names_nobody() -> None:
    with pytest.raises(LookupError) as caught:
        fail_with_a_person()
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    with log() as said:
        answer = unforeseen(Request(scope), caught.value)
    assert answer.status_code == 500
    assert "LookupError" in said.getvalue()
    for told_nowhere in (NUMBER, NAME):
        assert told_nowhere not in said.getvalue()
        assert told_nowhere not in bytes(answer.body).decode()
