"""What every command of the terminal does with failures that were foreseen."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import typer

from domain.refusals import Refused
from services.sentences import SENTENCES

P = ParamSpec("P")

FAILED, WRONG_USE, REFUSED = 1, 2, 3


def sentences(command: Callable[P, None]) -> Callable[P, None]:
    """End the process with one sentence and a code, never with a traceback: 1 a failure, 2 wrong use or settings, 3 a refusal."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        from services.logs import configure

        configure()
        try:
            command(*args, **kwargs)
        except (typer.Exit, KeyboardInterrupt, SystemExit):  # the command's own end, or somebody's wish
            raise
        except Refused as refused:
            typer.echo(said(refused), err=True)
            raise typer.Exit(REFUSED) from None
        except _foreseen() as error:
            from services.settings import SettingsError

            typer.echo(f"changqing: {error}", err=True)
            raise typer.Exit(WRONG_USE if isinstance(error, SettingsError) else FAILED) from None

    return guarded


def _foreseen() -> tuple[type[Exception], ...]:
    """The failures, imported when something failed: with the clients of Kafka and PostgreSQL they take longer than most commands."""
    from domain.law import LawError
    from infra.archive import ArchiveError
    from infra.bus import BusError
    from infra.database import DatabaseError
    from infra.embedded import EmbeddedError
    from infra.followers import StoppedError
    from infra.keys import WrongKeyError
    from infra.rebuild import RebuildError
    from services.settings import SettingsError

    return (
        SettingsError,
        EmbeddedError,
        DatabaseError,
        BusError,
        WrongKeyError,
        LawError,
        ArchiveError,
        RebuildError,
        StoppedError,
    )


def said(refused: Refused) -> str:
    """A refusal in one sentence: reason and remedy, Chinese first."""
    one = SENTENCES[refused.code]
    where = " ".join(part for part in (refused.code, refused.path, refused.detail) if part)
    return f"changqing: {one.zh}：{one.remedy_zh} {one.en}: {one.remedy_en} ({where})"
