"""`changqing publish` at the terminal: a file through the outbox to a ledger, and a receipt for each event of it."""

import signal
import sys
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from domain.refusals import Refused
from services.client import Client, ClientError, Event, NotAllowedError, Outbox, Undelivered
from services.client.outbox import Again
from services.publishing.reading import UnusableFileError, events_of
from services.publishing.settings import PublishingSettings, Way
from services.publishing.telling import Bar, Sum, refused_line, results_to, say, standing_line
from services.settings import SettingsError

DONE, FAILED, USAGE, REFUSED, WAITING, INTERRUPTED = 0, 1, 2, 3, 4, 130

_AT_A_TIME: Final = 1_000
_MENDED: Final = Refused("id-conflict", "id", "it was refused, and a later event of this file took its place")


class Put(NamedTuple):
    """The events of a file by their lines: each one's number in the outbox, 0 for those in `refused`."""

    lines: "array[int]"
    numbers: "array[int]"
    refused: dict[int, Refused]


def publish_file(
    file: Path | None, over: Way | None, results: Path | None, *, numbered: bool, resume: bool, as_json: bool
) -> int:
    """Publish a file, or with `resume` and no file what earlier runs left in the outbox; the exit code.

    `results`: where the receipts go. `resume`: what has a receipt in the outbox is not sent again.
    """
    try:
        settings = PublishingSettings.read()
        channel = settings.channel(settings.way(over))
        signer = settings.signer()
        written = results or _beside(file)
        with (
            _interruptible(),
            Client(
                channel,
                outbox=Outbox(settings.changqing_outbox),
                signer=signer,
                numbered=numbered,
                retrying=settings.retrying,
            ) as client,
        ):
            put = _put(client, file, Again.NOTHING if resume else Again.EVERYTHING)
            ended = _send(client)
            said = _result(client.outbox, put, file, written, settings.changqing_outbox)
    except (SettingsError, UnusableFileError) as error:
        say(f"changqing: {error}")
        return USAGE
    except ClientError as error:
        say(f"changqing: {error}")
        return FAILED
    except KeyboardInterrupt:
        say(
            "已中断，未发完的都在待发箱中 interrupted; what was put in the outbox stays there, --resume goes on with it"
        )
        return INTERRUPTED
    except OSError as error:
        say(f"changqing: {error.filename} cannot be written: {error.strerror}")
        return FAILED
    text = msgspec.json.encode(said).decode() if as_json else said.sentence
    (sys.stderr if str(written) == "-" and not as_json else sys.stdout).write(text + "\n")
    return ended or (REFUSED if said.refused else DONE)


def _put(client: Client, file: Path | None, again: Again) -> Put:
    """The events of a file into the outbox, a thousand at a time; all of them are on disk before the first is sent."""
    left = client.outbox.numbers()
    if file is None:
        return Put(array("q", [0] * len(left)), left, {})
    if left:
        say(f"待发箱中先前的 {len(left):,} 条先行发送 {len(left):,} events from before go first")
    put = Put(array("q"), array("q"), {})
    batch: list[tuple[int, Event]] = []
    for line, text in events_of(file):
        put.lines.append(line)
        put.numbers.append(0)
        try:
            batch.append((len(put.numbers) - 1, Event.read(text)))
        except Refused as refused:
            put.refused[len(put.numbers) - 1] = refused
        if len(batch) == _AT_A_TIME:
            _put_batch(client, batch, put, again)
            batch = []
    _put_batch(client, batch, put, again)
    if not put.lines:
        raise UnusableFileError(f"{file} 中没有事件 holds no events")
    return put


def _put_batch(client: Client, batch: list[tuple[int, Event]], put: Put, again: Again) -> None:
    for (index, _), number in zip(batch, client.put([event for _, event in batch], again), strict=True):
        if isinstance(number, Refused):
            put.refused[index] = number
        else:
            put.numbers[index] = number


def _send(client: Client) -> int:
    """Send what waits; the exit code as far as it is known by then."""
    try:
        with Bar(client.outbox.left()) as bar:
            client.flush(bar.advance)
    except Undelivered as error:
        say(f"changqing: {error}；待发箱中保留，--resume 继续 they are kept in the outbox, --resume goes on")
        return WAITING
    except NotAllowedError as error:
        say(f"changqing: {error}")
        return USAGE
    except ClientError as error:
        say(f"changqing: {error}")
        return FAILED
    return DONE


def _result(outbox: Outbox, put: Put, file: Path | None, written: Path | None, where: Path) -> Sum:
    """Write the results of a file, and count them."""
    with results_to(written) as results:
        results.write(_lines(outbox, put))
    count = results.tally
    return Sum(
        file=str(file or ""),
        events=len(put.lines),
        accepted=count["accepted"],
        parked=count["parked"],
        known=count["known"],
        refused=count["refused"],
        waiting=count["waiting"],
        outbox=str(where),
        results=str(written or ""),
    )


def _lines(outbox: Outbox, put: Put) -> Iterator[dict[str, Any]]:
    for index, (line, number) in enumerate(zip(put.lines, put.numbers, strict=True)):
        if (refused := put.refused.get(index)) is not None:
            yield refused_line(line, refused)
            continue
        try:
            yield standing_line(line, outbox.standing(number))
        except KeyError:  # the ledger had refused it, and a line further down mends it under the same id
            yield refused_line(line, _MENDED)


def _beside(file: Path | None) -> Path | None:
    """Where results go unless it is said: beside the file, to standard output for standard input, nowhere without a file."""
    return file if file is None or str(file) == "-" else file.with_name(f"{file.name}.receipts.jsonl")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Meanwhile SIGTERM interrupts as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
