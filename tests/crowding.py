"""Many who ask an API at once, over plain sockets: a client that costs little, as the servers have the same processors."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from math import ceil
from random import Random
from time import perf_counter
from typing import NamedTuple
from urllib.parse import urlsplit


class Request(NamedTuple):
    """What is asked. `kind`: by which answers are told apart."""

    kind: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""

    def wire(self, host: str) -> bytes:
        """As HTTP/1.1 writes it."""
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


class Answer(NamedTuple):
    """What came: `status` 0 where the connection broke; `after`: what Retry-After said."""

    kind: str
    status: int
    seconds: float
    after: str
    body: bytes


class Asker(NamedTuple):
    """Somebody who asks one thing after the other: what next, and how many seconds they think before."""

    ask: Callable[[], Request]
    think: Callable[[], float]


def crowd(url: str, askers: Iterable[Asker], seconds: float) -> list[Answer]:
    """What everybody was answered in so many seconds."""
    return asyncio.run(_crowd(urlsplit(url).netloc, list(askers), seconds))


def thinking(random: Random, seconds: float) -> Callable[[], float]:
    """From nothing to twice as many seconds."""
    return lambda: random.uniform(0, 2 * seconds)


def percentile(answers: Sequence[Answer], percent: float) -> float:
    """So many percent were answered within as many milliseconds."""
    waits = sorted(one.seconds for one in answers)
    return waits[max(0, ceil(len(waits) * percent / 100) - 1)] * 1000


def statuses(answers: Iterable[Answer]) -> dict[int, int]:
    """How many answers of each status."""
    return dict(sorted(Counter(one.status for one in answers).items()))


async def _crowd(host: str, askers: list[Asker], seconds: float) -> list[Answer]:
    answers: list[Answer] = []
    end = asyncio.get_running_loop().time() + seconds
    await asyncio.gather(*(_asks(host, one, end, answers) for one in askers))
    return answers


async def _asks(host: str, asker: Asker, end: float, answers: list[Answer]) -> None:
    loop = asyncio.get_running_loop()
    name, _, port = host.partition(":")
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    await asyncio.sleep(min(asker.think(), max(0.0, end - loop.time())))
    while loop.time() < end:
        request, began = asker.ask(), perf_counter()
        try:
            streams = streams or await asyncio.open_connection(name, int(port))
            streams[1].write(request.wire(host))
            status, after, body, again = await _answer(streams[0])
        except (OSError, asyncio.IncompleteReadError, ValueError):
            status, after, body, again = 0, "", b"", False
        answers.append(Answer(request.kind, status, perf_counter() - began, after, body))
        if not again and streams:
            streams[1].close()
            streams = None
        await asyncio.sleep(asker.think())
    if streams:
        streams[1].close()
        with suppress(OSError):
            await streams[1].wait_closed()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, str, bytes, bool]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return int(head[0].split()[1]), headers.get("retry-after", ""), body, headers.get("connection") != "close"
