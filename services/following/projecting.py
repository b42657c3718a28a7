"""Several followers in one process: they go on beside each other, and the first that fails ends them all."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from threading import Event as Flag


def together(runs: Sequence[Callable[[], None]], stop: Flag) -> None:
    """Run all until `stop` is set, each in a thread of its own. Raises what the first to fail raised, when the others ended."""
    with ThreadPoolExecutor(len(runs), "follower") as threads:
        begun = [threads.submit(run) for run in runs]
        wait(begun, return_when=FIRST_EXCEPTION)
        stop.set()
    for one in begun:
        one.result()
