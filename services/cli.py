"""The one command: each subcommand is a process or a tool."""

import signal
import sys
from pathlib import Path
from threading import Event as Flag
from typing import Annotated

import typer

from services.commands.accounts import add_commands as add_account_commands
from services.commands.archives import add_commands as add_archive_commands
from services.commands.cases import add_commands as add_case_commands
from services.commands.consumers import add_commands as add_consumer_commands
from services.commands.erase import add_commands as add_erasure_commands
from services.commands.guard import sentences
from services.commands.handover import handover
from services.commands.importing import import_
from services.commands.intake import intake_pause, intake_resume, intake_status
from services.commands.keys import rotate_key
from services.commands.letters import letters
from services.commands.publish import publish
from services.commands.sources import add_commands as add_source_commands
from services.commands.topics import bus_access, topics
from services.commands.views import add_commands as add_view_commands

main = typer.Typer(name="changqing", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
main.add_typer(letters, name="dead-letters")


@main.command()
@sentences
def run(
    data: Annotated[Path | None, typer.Option(help="Keep the data here; thrown away by default.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The page's port; another one when it is taken.")] = 8000,
    people: Annotated[int, typer.Option(min=0, help="How many invented retirees to register.")] = 12_000,
    trickle: Annotated[bool, typer.Option(help="Publish an invented event every two seconds.")] = True,
    workers: Annotated[int, typer.Option(min=1, max=4, help="How many processes take in what comes by Kafka.")] = 1,
) -> None:
    """Run everything on this machine, on embedded real servers."""
    from services.run.supervisor import Run

    Run(data, port, people, trickle=trickle, workers=workers).run()


@main.command()
@sentences
def migrate() -> None:
    """Bring the database to the newest schema, and declare the topics when Kafka is named."""
    from infra.migrations import migrate as apply
    from services.bootstrap import declare_topics
    from services.settings import Settings

    settings = Settings.read()
    apply(settings.database_url)
    if settings.kafka_bootstrap:
        declare_topics(settings)


@main.command()
@sentences
def api(
    workers: Annotated[
        int, typer.Option(min=1, help="进程数。Processes; each has its own connections to PostgreSQL.")
    ] = 1,
) -> None:
    """Serve the HTTP API and the pages."""
    import uvicorn

    from services.settings import Settings

    _supervised()
    settings = Settings.read()
    uvicorn.run(
        "services.api.app:from_settings",
        factory=True,
        workers=workers,
        host=settings.changqing_host,
        port=settings.changqing_port,
        access_log=False,  # addresses and retirees stay out of logs; the audit trail is the record of who looked
        proxy_headers=False,  # services/api/peers.py believes those proxies alone that the settings name
        log_level="warning",
        timeout_graceful_shutdown=2,  # event streams never end by themselves
    )


@main.command()
@sentences
def project() -> None:
    """Fold the log into the read models, make people findable, flag unusual reading, and reckon bulletins of many ahead."""
    from functools import partial

    from infra.follower import follow
    from infra.habits import Habits
    from infra.statutes import the_law
    from services.bootstrap import parts
    from services.following.projecting import together
    from services.registers.ahead import Ahead
    from services.settings import Settings

    _supervised()
    made, stop = parts(Settings.read()), _until_told()
    ledger, views, search = made.application.database, made.views, made.search
    folds = partial(follow, ledger, "views", views.position, views.apply, stop)
    finds = partial(follow, ledger, "search", search.position, search.apply, stop)
    habits = Habits(ledger)
    watches = partial(follow, ledger, "reading", habits.position, habits.handle, stop)
    reckons = partial(Ahead(ledger, the_law()).run, stop)
    together([folds, finds, watches, reckons], stop)


@main.command()
@sentences
def disclosures(
    after: Annotated[int, typer.Option(min=0, help="Only what is recorded after this position of the log.")] = 0,
    ocsf: Annotated[bool, typer.Option("--ocsf", help="As events of OCSF 1.3.0, for a SIEM.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what comes, until told to stop.")] = False,
) -> None:
    """Say who was shown, handed or refused what, a line of JSON each. Nobody's data is in it, and no id of a retiree."""
    from services.reading.disclosures import show

    show(after, as_ocsf=ocsf, follow=follow, stop=_until_told())


@main.command()
@sentences
def relay() -> None:
    """Send alerts, life events and receipts from the log to Kafka."""
    from services.bootstrap import bus, parts
    from services.bus.relay import Relay
    from services.settings import Settings

    _supervised()
    settings = Settings.read()
    made = parts(settings)
    Relay(made.outbox, bus(settings), made.notary, _until_told(), made.application.tracing).run()


@main.command()
@sentences
def watch() -> None:
    """Watch over sources: say what is missing, given twice, not whole or silent, to the source and to the agency."""
    from datetime import timedelta

    from infra.follower import follow
    from infra.watching import Watch
    from services.bootstrap import parts
    from services.settings import Settings

    _supervised()
    settings = Settings.read()
    made = Watch(parts(settings).application.database, timedelta(seconds=settings.changqing_gap_seconds))
    follow(made.database, "sources", made.position, made.handle, _until_told(), made.rest)


@main.command()
@sentences
def clock(
    catch_up: Annotated[
        bool, typer.Option("--catch-up", help="Let days pass although more than a month has gone by since the last.")
    ] = False,
    everybody: Annotated[
        bool, typer.Option("--everybody", help="First decide on everybody anew: after a clock that was ahead.")
    ] = False,
) -> None:
    """Let the days pass: what falls due by a day is raised, overdue answers are escalated."""
    from services.bootstrap import parts
    from services.clock import LONGEST, Clock
    from services.settings import Settings

    _supervised()
    made = Clock(parts(Settings.read()).application, _until_told(), None if catch_up else LONGEST)
    if everybody:
        made.look_at_everybody()
    made.run()


@main.command()
@sentences
def intake() -> None:
    """Take in what departments publish to Kafka."""
    from services.bootstrap import bus, parts
    from services.bus.agent import faust_app
    from services.bus.worker import Worker
    from services.settings import Settings

    _supervised()
    settings = Settings.read().require_kafka()
    made = parts(settings)
    app = faust_app(Worker(made.application, bus(settings), made.keys, made.notary), settings)
    app.finalize()
    # The constructor's switch for the web server is not honoured: a second worker would die on its port.
    sys.argv = ["changqing", "--quiet", "worker", "--without-web", "--loglevel", "warn"]
    app.main()


@main.command("new-key")
@sentences
def new_key(file: Annotated[Path, typer.Argument(help="The file to make; an existing one is left alone.")]) -> None:
    """Make a key-encryption key. Back it up apart from the database: without it nobody's data can be read."""
    from infra.keys import KeyRing

    KeyRing.from_file(file, create=True)


add_archive_commands(main, sentences)
add_case_commands(main, sentences)
add_account_commands(main, sentences)
add_source_commands(main, sentences)
add_view_commands(main, sentences)
for _command in (intake_pause, intake_resume, intake_status):
    main.command(_command.__name__.replace("_", "-"))(sentences(_command))
main.command()(sentences(topics))
main.command("bus-access")(sentences(bus_access))


main.command()(sentences(handover))
main.command()(sentences(publish))
main.command("import")(sentences(import_))
main.command("rotate-key")(sentences(rotate_key))


def _supervised() -> None:
    from services.run.children import watch_supervisor

    watch_supervisor()


def _until_told() -> Flag:
    """A flag that SIGTERM and SIGINT set, for a process that ends between two batches."""
    stop = Flag()
    for sent in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sent, lambda *_: stop.set())
    return stop


add_consumer_commands(main, sentences, _until_told)
add_erasure_commands(main, sentences)


if __name__ == "__main__":
    main()
