"""`changqing import` at the terminal."""

import os
import sys
from pathlib import Path

import msgspec

from domain.identity import names_a_person
from services.importing.crew import Crew
from services.importing.errors import ImportingError
from services.importing.importer import Importer, Interrupted, Stop
from services.importing.progress import Progress, Result
from services.importing.record import Record, Summary
from services.importing.source import Source
from services.settings import Settings, SettingsError

DONE, FAILED, USAGE, REFUSALS, INTERRUPTED = 0, 1, 2, 3, 130


def import_file(file: Path, refusals: Path | None, workers: int, batch: int, *, restart: bool, as_json: bool) -> int:
    """Import a file and say how it ended; the exit code."""
    written = refusals or file.with_name(f"{file.name}.refused.jsonl")
    try:
        Settings.read()  # the workers read them again: what is wrong is said once, before they are started
        name = _publisher(file)
        with Source(file) as source, _record(written, file) as record:
            found = None if restart else _found(source, record, file)
            summary = found if found and found.complete else None
            if summary:
                _say(
                    "这个文件已全部导入过，--restart 重新导入 this file was imported to its end before; --restart does it again"
                )
            else:
                summary = _run(source, record, found, name, workers, batch)
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
    result = Result.of(file, written, summary)
    sys.stdout.write((msgspec.json.encode(result).decode() if as_json else result.sentences) + "\n")
    return REFUSALS if summary.tally.refused else DONE


def _run(source: Source, record: Record, found: Summary | None, name: str, workers: int, batch: int) -> Summary:
    stop = Stop()
    with Crew(workers, name) as crew, Progress(source.size, found) as progress:
        return Importer(source, record, crew, batch, progress, found, stop).run()


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


def _found(source: Source, record: Record, file: Path) -> Summary | None:
    """How far an earlier run came with this very file."""
    found = record.resume()
    if found and not (found.size == source.size and source.skip(found.mark)):
        said = f"{file} is not the file that was begun to be imported (see {record.summary_path})"
        raise ImportingError(f"{said}: give it another name, or begin anew with --restart", USAGE)
    return found


def _say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
