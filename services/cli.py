"""The one command: each subcommand is a process or a tool."""

import signal
import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path
from threading import Event as Flag
from typing import Annotated, Literal

import typer

from services.cases.benefit import benefit
from services.commands.accounts import add_commands as add_account_commands
from services.commands.consumers import add_commands as add_consumer_commands
from services.commands.erase import add_commands as add_erasure_commands
from services.commands.guard import sentences
from services.commands.importing import import_
from services.commands.intake import intake_pause, intake_resume, intake_status
from services.commands.keys import rotate_key
from services.commands.letters import letters
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


_ArchiveDirectory = Annotated[
    Path, typer.Argument(help="The directory of the archives; CHANGQING_ARCHIVE of services.")
]


@main.command()
@sentences
def archive(
    directory: _ArchiveDirectory,
    keep: Annotated[int, typer.Option(min=0, help="How many of the newest full partitions stay in the database.")] = 2,
) -> None:
    """Move the oldest full partitions of the log to files. Wants the login that owns the database, as migrate does."""
    from infra.archive_write import archive as leave
    from infra.database import Database
    from infra.terminal import told
    from services.settings import Settings

    with closing(Database(Settings.read().database_url, role=None)) as database:
        told(database, "archive")
        if not leave(database, directory, keep, typer.echo):
            typer.echo(f"nothing to archive: all but the newest {keep} full partitions are")


@main.command("verify-archive")
@sentences
def verify_archive(directory: _ArchiveDirectory) -> None:
    """Read every archive and compare it with what the ledger remembers. Code 1 when something is not sound."""
    from infra.archive_verify import verify
    from infra.database import Database
    from infra.terminal import told
    from services.settings import Settings

    with closing(Database(Settings.read().database_url)) as database:
        told(database, "verify-archive")
        if not verify(database, directory, typer.echo):
            raise typer.Exit(1)


@main.command("restore-archive")
@sentences
def restore_archive(directory: _ArchiveDirectory) -> None:
    """Make the newest archive a partition of the database again. Wants the login that owns the database."""
    from infra.archive_write import restore
    from infra.database import Database
    from infra.terminal import told
    from services.settings import Settings

    with closing(Database(Settings.read().database_url, role=None)) as database:
        told(database, "restore-archive")
        typer.echo(f"{restore(database, directory, typer.echo)}: in the database again; the files may be deleted")


@main.command("what-if")
@sentences
def what_if(
    facts: Annotated[
        Path | None, typer.Argument(help="Life events as CloudEvents, one a line; - for standard input.")
    ] = None,
    log: Annotated[bool, typer.Option("--log", help="Instead of a file: everybody in the ledger.")] = False,
    today: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day of asking; today by default.")
    ] = None,
    law_at: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Apply the law as of this day.")] = None,
    compare_law: Annotated[
        Path | None, typer.Option(help="Rules to try, a TOML file or a directory of them: what would differ.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Months as YYYY-MM, money as text in yuan.")] = False,
) -> None:
    """Check a case: the entitlement by month with its articles, and the alerts; or a changed law. Nothing is stored."""
    on, at = today.date() if today else None, law_at.date() if law_at else None
    if log:
        from services.cases.log_comparison import compare_log

        if facts or compare_law is None:
            typer.echo("changqing: --log takes --compare-law and no file of facts", err=True)
            raise typer.Exit(2)
        raise typer.Exit(compare_log(on, at, compare_law, as_json=json))
    from services.cases.case_file import answer

    if facts is None:
        typer.echo("changqing: name a file of life events, - for standard input, or --log", err=True)
        raise typer.Exit(2)
    raise typer.Exit(answer(facts, on, at, compare_law, as_json=json))


@main.command()
@sentences
def check(
    file: Annotated[Path, typer.Argument(help="One item a line; - for standard input.")] = Path("-"),
    kind: Annotated[Literal["identity", "uscc", "division", "auto"], typer.Option(help="What they are.")] = "auto",
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="As of this day; today by default.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Check identity numbers, credit codes and division codes. Ends with 3 when some are invalid, 2 for a wrong file."""
    from services.cases.check import check_file

    raise typer.Exit(check_file(file, kind, on.date() if on else None, as_json=json))


main.command()(sentences(benefit))
add_account_commands(main, sentences)
add_source_commands(main, sentences)
add_view_commands(main, sentences)
for _command in (intake_pause, intake_resume, intake_status):
    main.command(_command.__name__.replace("_", "-"))(sentences(_command))
main.command()(sentences(topics))
main.command("bus-access")(sentences(bus_access))


@main.command()
@sentences
def handover(
    batch: Annotated[
        str | None, typer.Argument(help="The publisher's number of a batch; without it all are listed.")
    ] = None,
    city: Annotated[str, typer.Option(help="Only in the city of this division code, 4 to 12 digits.")] = "",
    json: Annotated[bool, typer.Option("--json", help="The figures as JSON, money as text in yuan.")] = False,
) -> None:
    """Say how far a batch of handovers is: people, open steps and who owes them, fees, staff, keepers, store room.

    Ends with 0, with 1 for a failure, 2 for something wrong with the command or the settings, 3 when no batch has this number.
    """
    from services.handover.showing import show

    raise typer.Exit(show(batch, city, as_json=json))


@main.command()
@sentences
def publish(
    file: Annotated[
        Path | None,
        typer.Argument(help="Events as CloudEvents: one a line, one object or a list; - for standard input."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is wrong with each; send nothing.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on: what has a receipt is not sent again. Without FILE: what is left.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="The result as JSON; of --dry-run one defect a line.")] = False,
    over: Annotated[
        Literal["http", "kafka"] | None, typer.Option(help="By which way, where the settings know both.")
    ] = None,
    numbered: Annotated[bool, typer.Option("--numbered", help="Give each event a sequence within its source.")] = False,
    results: Annotated[
        Path | None, typer.Option(help="Where the receipts go; FILE.receipts.jsonl by default, - for standard output.")
    ] = None,
) -> None:
    """Publish a file of events to a ledger over HTTP or Kafka, and wait for the receipt of each.

    Ends with 0 when all were taken in, 1 for a failure, 2 for something wrong with the command, the file, the settings or
    the account, 3 when something was refused, 4 when some have no receipt yet (they are kept), 130 when interrupted.
    """
    if file is None and (dry_run or not resume):
        typer.echo("changqing: name a file of events, - for standard input, or --resume", err=True)
        raise typer.Exit(2)
    if file is not None and dry_run:
        from services.publishing.checking import check_file

        raise typer.Exit(check_file(file, as_json=json))
    from services.publishing.command import publish_file

    raise typer.Exit(publish_file(file, over, results, numbered=numbered, resume=resume, as_json=json))


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
