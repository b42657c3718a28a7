"""`changqing consumer ...` and `changqing deliver`: consumers without Kafka, and the process that sends to their webhooks."""

from collections.abc import Callable
from datetime import timedelta
from threading import Event as Flag
from typing import Annotated, Any

import typer

from domain.facts import Department

Guard = Callable[[Callable[..., None]], Callable[..., None]]

_Name = Annotated[str, typer.Argument(help="The consumer's name: lower-case letters, digits and hyphens.")]
_By = Annotated[str, typer.Option(help="Who does this; it is recorded.")]
_Url = Annotated[str | None, typer.Option(help="Where a webhook is sent: https://...")]
_Account = Annotated[str | None, typer.Option(help="The account of the API that reads a feed.")]
_Types = Annotated[
    list[str] | None,
    typer.Option("--type", help="Only this type, or those that begin so: pension-alert-*. May be repeated."),
]
_Offices = Annotated[
    list[str] | None,
    typer.Option("--office", help="Only this office or division, by its beginning: 4403. May be repeated."),
]
_Fields = Annotated[list[str] | None, typer.Option("--field", help="Only this member of data. May be repeated.")]
_All = Annotated[
    list[str] | None,
    typer.Option("--all", help="Take a limit away: types, offices or fields. May be repeated."),
]
_Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


def add_commands(main: typer.Typer, guard: Guard, until_told: Callable[[], Flag]) -> None:
    """Add the commands to the one command; `guard` says foreseen failures in a sentence."""
    consumer = typer.Typer(no_args_is_help=True, help="Register consumers without Kafka, and see how each is.")
    main.add_typer(consumer, name="consumer")
    named: dict[str, Callable[..., None]] = {
        "register": _register,
        "change": _change,
        "rotate": _rotate,
        "end": _end,
        "list": _list,
        "show": _show,
        "replay": _replay,
        "dead-letters": _dead_letters,
    }
    for name, command in named.items():
        consumer.command(name)(guard(command))

    def deliver() -> None:
        """Send to the webhooks of consumers; new ones are found without a restart."""
        _deliver(until_told)

    main.command("deliver")(guard(deliver))


def _register(
    name: _Name,
    by: _By,
    department: Annotated[Department, typer.Option(help="Whom it belongs to; it may have what the department may.")],
    url: _Url = None,
    account: _Account = None,
    types: _Types = None,
    offices: _Offices = None,
    fields: _Fields = None,
    after: Annotated[int | None, typer.Option(min=0, help="Begin after this position; by default from now on.")] = None,
) -> None:
    """Register a webhook (--url) or a feed (--account). The secret of a webhook is shown once. Ends with 3 when refused."""
    if bool(url) == bool(account):
        raise typer.BadParameter("give one of --url and --account", param_hint="--url")
    wanted = _wanted(url, account, types, offices, fields)
    _at_desk(lambda desk: desk.register(name, department, "webhook" if url else "feed", wanted, by, after))


def _change(
    name: _Name,
    by: _By,
    url: _Url = None,
    account: _Account = None,
    types: _Types = None,
    offices: _Offices = None,
    fields: _Fields = None,
    all_: _All = None,
) -> None:
    """Change what is given; the rest stays. One that had ended goes on from its place. Ends with 3 when refused."""
    if unknown := set(all_ or ()) - {"types", "offices", "fields"}:
        raise typer.BadParameter(", ".join(sorted(unknown)), param_hint="--all")
    given: dict[str, list[str] | None] = {"types": types, "offices": offices, "fields": fields}
    given |= {limit: [] for limit in all_ or ()}
    wanted = _wanted(url, account, given["types"], given["offices"], given["fields"])
    _at_desk(lambda desk: desk.change(name, wanted, by))


def _rotate(
    name: _Name,
    by: _By,
    hours: Annotated[float, typer.Option(min=0, max=8_760, help="How long the older secret signs beside it.")] = 24,
) -> None:
    """Make a new secret for a webhook, shown once. Ends with 3 when refused."""
    _at_desk(lambda desk: desk.rotate(name, by, hours))


def _end(
    name: _Name, by: _By, reason: Annotated[str, typer.Option(help="Why; it is recorded.")] = "no longer wanted"
) -> None:
    """End a consumer; its place is kept, and `change` lets it go on. Ends with 3 when refused."""
    _at_desk(lambda desk: desk.end(name, by, reason))


def _list(*, json: _Json = False) -> None:
    """Show every consumer with its lag and its last error, and the groups that read from Kafka."""
    _at_desk(lambda desk: desk.every(as_json=json))


def _show(name: _Name, *, json: _Json = False) -> None:
    """Show one consumer. Ends with 3 when there is none of the name."""
    _at_desk(lambda desk: desk.show(name, as_json=json))


def _replay(
    name: _Name,
    by: _By,
    after: Annotated[int | None, typer.Option(min=0, help="Everything after this position, again.")] = None,
    letters: Annotated[bool, typer.Option("--dead-letters", help="All its dead letters, once more.")] = False,
    events: Annotated[list[str] | None, typer.Option("--event", help="This dead letter. May be repeated.")] = None,
) -> None:
    """Hand over again, under the same ids. Ends with 3 when refused."""
    if after is None and not letters and not events:
        raise typer.BadParameter("give --after, --dead-letters or --event", param_hint="--after")
    _at_desk(lambda desk: desk.replay(name, by, after, events or (), letters=letters))


def _dead_letters(name: _Name, *, json: _Json = False) -> None:
    """List what could not be delivered in the end, and why. Ends with 3 when there is no such consumer."""
    _at_desk(lambda desk: desk.letters(name, as_json=json))


def _wanted(
    url: str | None,
    account: str | None,
    types: list[str] | None,
    offices: list[str] | None,
    fields: list[str] | None,
) -> dict[str, Any]:
    """The members of a consumer's terms that were given."""
    given = {"url": url, "account": account, "types": types, "offices": offices, "fields": fields}
    return {name: tuple(it) if isinstance(it, list) else it for name, it in given.items() if it is not None}


def _at_desk(deed: Callable[[Any], None]) -> None:
    from services.commands.desks import at_desk
    from services.consumers.command import Desk
    from services.settings import Settings

    if code := at_desk(Desk(Settings.read()), deed):
        raise typer.Exit(code)


def _deliver(until_told: Callable[[], Flag]) -> None:
    from functools import partial

    from services.bootstrap import parts, sender
    from services.consumers.deliverer import Deliverer
    from services.consumers.patience import Patience
    from services.run.children import watch_supervisor
    from services.settings import Settings

    watch_supervisor()
    settings = Settings.read()
    made = parts(settings)
    sender(settings).close()  # a file of authorities that cannot be read is said now
    patience = Patience(give_up=timedelta(hours=settings.changqing_webhook_give_up_hours))
    Deliverer(made.consumers, partial(sender, settings), until_told(), patience, made.application.tracing).run()
