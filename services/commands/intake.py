"""`changqing intake-pause`, `intake-resume` and `intake-status`: an operator's hand on the intake from the bus."""

from contextlib import closing
from typing import Annotated

import typer

from domain.facts import Department

_Departments = Annotated[
    list[Department] | None, typer.Option("--department", help="Whose intake; once for each, all by default.")
]
_By = Annotated[str, typer.Option(help="Who decides so: it stands in the log.")]


def intake_pause(
    reason: Annotated[str, typer.Option(help="Why: it stands in the log.")],
    by: _By,
    department: _Departments = None,
) -> None:
    """Let the intake from Kafka rest. Workers stop within a second; what is published meanwhile waits in Kafka."""
    from services.bus.pausing import operated, pause

    with closing(operated()) as database:
        pause(database, department or list(Department), by, reason)


def intake_resume(by: _By, department: _Departments = None) -> None:
    """Let the intake from Kafka go on, from where it was left off."""
    from services.bus.pausing import operated, resume

    with closing(operated()) as database:
        resume(database, department or list(Department), by)


def intake_status(json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False) -> None:
    """Say whose intake rests, since whose word and why, and how many messages wait in Kafka."""
    from services.bus.pausing import show
    from services.settings import Settings

    show(Settings.read().require_kafka(), as_json=json)
