"""Commands of the bus itself: `topics` and `bus-access`."""

from pathlib import Path
from typing import Annotated

import typer

from domain.facts import Department


def topics(
    json: Annotated[bool, typer.Option("--json", help="As JSON, with Kafka's own names.")] = False,
) -> None:
    """Show how the topics are, beside how they are wanted; `migrate` makes them so.

    Ends with 0, with 1 for a failure, 2 for a wrong setting, 3 when a topic is not as wanted.
    """
    from services.bus.topics_shown import show_topics

    raise typer.Exit(show_topics(as_json=json))


def bus_access(
    file: Annotated[Path | None, typer.Argument(help="Where the script goes; standard output by default.")] = None,
    department: Annotated[
        list[Department] | None, typer.Option(help="Only of this department, several times for several.")
    ] = None,
    services: Annotated[bool, typer.Option(help="Of our own processes as well.")] = True,
    revoke: Annotated[bool, typer.Option("--revoke", help="A script that takes users and rights away.")] = False,
) -> None:
    """Write a script that gives each department and each process its user and its rights on a secured Kafka.

    It holds no password: whoever runs it keeps them. Ends with 0, with 2 for a wrong setting.
    """
    import os

    from services.bus.access import of_department, of_services, script
    from services.bus.topics import topics as declared
    from services.settings import topics_file

    there = declared(topics_file(os.environ))
    grants = [one for each in department or list(Department) for one in of_department(each, there)]
    text = script([*grants, *(of_services(there) if services else [])], revoke=revoke)
    if file is None:
        typer.echo(text, nl=False)
    else:
        file.write_text(text, "utf-8")
        file.chmod(0o700)
