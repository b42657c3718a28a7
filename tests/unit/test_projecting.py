"""Followers in one process end together."""

from functools import partial
from threading import Event as Flag

import pytest

from services.following.projecting import together


def test_the_first_that_fails_ends_the_others_and_says_why() -> None:
    stop, ended = Flag(), list[str]()

    def fails() -> None:
        raise KeyError("an event of a later version")

    def goes_on() -> None:
        stop.wait()
        ended.append("the other")

    with pytest.raises(KeyError, match="an event of a later version"):
        together([goes_on, fails], stop)
    assert ended == ["the other"]


def test_told_to_end_all_end() -> None:
    stop, ended = Flag(), list[int]()

    def goes_on(number: int) -> None:
        stop.wait()
        ended.append(number)

    stop.set()
    together([partial(goes_on, 1), partial(goes_on, 2)], stop)
    assert sorted(ended) == [1, 2]
