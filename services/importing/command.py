"""`changqing import` at the terminal."""

import gc
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import msgspec

from domain.identity import names_a_person
from domain.proposals import Act
from services.accepting.money import most_alone
from services.importing.answers import content_of
from services.importing.crew import Crew
from services.importing.errors import ImportingError
from services.importing.importer import Importer
from services.importing.progress import Progress, Result
from services.importing.record import Record, Summary
from services.importing.source import Lines, Source
from services.importing.stop import Interrupted, Stop
from services.settings import Settings, SettingsError

DONE, FAILED, USAGE, REFUSALS, INTERRUPTED = 0, 1, 2, 3, 130


class Bringing(NamedTuple):
    """How a file is brought in: by so many workers, in batches of so many lines, its record here; from the beginning if `restart`."""

    refusals: Path | None
    workers: int
    batch: int
    restart: bool

    def run(
        self, opened: Callable[[], Lines], file: Path, written: Path, *, anew: bool = False, answers: bool = True
    ) -> tuple[Summary, bool]:
        """Import to the end; and whether that had been done before. `anew`: a file that changed since its end is another one.

        `answers`: there may be answers to alerts in it.

        Raises `ImportingError`, `Interrupted`, `SettingsError`, `OSError`.
        """
        Settings.read()  # the workers read them again: what is wrong is said once, before they are started
        name = _publisher(file)
        source = opened()
        with _record(written, file) as record:
            found = None if self.restart else record.resume()
            if found and not (found.size == source.size and source.skip(found.mark)):
                if not (anew and found.complete):
                    said = f"{file} is not the file that was begun to be imported (see {record.summary_path})"
                    raise ImportingError(f"{said}: give it another name, or begin anew with --restart", USAGE)
                found, source = None, opened()
            if found and found.complete:
                _say(
                    "这个文件已全部导入过，--restart 重新导入 this file was imported to its end before; --restart does it again"
                )
                return found, True
            gc.freeze()  # the collector need not go through all modules again and again, nor at the end, which took 0.1 s
            stop = Stop()
            with Crew(self.workers, name) as crew:  # they start while the file is gone through
                content = content_of(opened() if answers else None, stop.heed)
                if content.answers > most_alone():
                    _say(
                        f"文件有 {content.answers} 条涉及资金的答复，未经第二人批准不予受理 {content.answers} answers that move money: "
                        f"refused unless a second person approved {Act.BULK} of {content.digest}, count {content.answers}"
                    )
                with Progress(source.size, found) as progress:
                    return Importer(source, record, crew, self.batch, progress, found, stop).run(content), False


def import_file(file: Path, bringing: Bringing, *, as_json: bool) -> int:
    """Import a file and say how it ended; the exit code."""
    written = bringing.refusals or file.with_name(f"{file.name}.refused.jsonl")
    return guarded(lambda: _import(file, written, bringing, as_json=as_json), written)


def _import(file: Path, written: Path, bringing: Bringing, *, as_json: bool) -> int:
    with ExitStack() as opened:
        summary, _ = bringing.run(lambda: opened.enter_context(Source(file)), file, written)
    result = Result.of(file, written, summary)
    sys.stdout.write((msgspec.json.encode(result).decode() if as_json else result.sentences) + "\n")
    return REFUSALS if summary.tally.refused else DONE


def guarded(deed: Callable[[], int], written: Path) -> int:
    """What a deed returns; what keeps it from its end is said in a sentence. `written`: the file it may fail to write."""
    try:
        return deed()
    except SettingsError as error:
        _say(f"changqing: {error}")
        return USAGE
    except ImportingError as error:
        _say(f"changqing: {error}")
        return error.code
    except (Interrupted, KeyboardInterrupt):
        _say("已中断；再运行一次同样的命令即从中断处继续 interrupted; the same command again goes on from here")
        return INTERRUPTED
    except OSError as error:  # the files it writes; those it reads have said so
        _say(f"changqing: {error.filename or written} cannot be written: {error.strerror}")
        return FAILED


def _publisher(file: Path) -> str:
    """Who is said to have published the lines; it is kept in clear."""
    name = os.fsencode(file.name).decode("utf-8", "replace")
    if names_a_person(name):
        raise ImportingError(
            "the file's name holds an identity number, and would be kept in clear: rename the file", USAGE
        )
    return f"import:{name}"


def _record(written: Path, file: Path) -> Record:
    if written.exists() and written.samefile(file):
        raise ImportingError(f"the refusals would be written over {file}: name another file in --refusals", USAGE)
    return Record(written)


def _say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
