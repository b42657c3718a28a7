"""`changqing erase`, `hold` and `proposals`: what takes two people, at the terminal. Who does it is the login: `operator:NAME`."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from domain.facts import Department
from domain.proposals import Act, Proposal, Wish

if TYPE_CHECKING:
    from services.four_eyes import FourEyes

Guard = Callable[[Callable[..., None]], Callable[..., None]]

_Id = Annotated[UUID, typer.Argument(help="The proposal's id.")]
_Retiree = Annotated[UUID, typer.Argument(help="The retiree's id.")]
_Reason = Annotated[str, typer.Option(help="Why; it is kept in clear, so name nobody.")]
_Basis = Annotated[str, typer.Option(help="The article or rule that it rests on.")]


def add_commands(main: typer.Typer, guard: Guard) -> None:
    """Add the commands to the one command; `guard` says foreseen failures in a sentence."""
    erase = typer.Typer(no_args_is_help=True, help="Erase a person: two people, a wait, then their key is destroyed.")
    hold = typer.Typer(no_args_is_help=True, help="Legal holds: whoever is held is not erased.")
    proposals = typer.Typer(no_args_is_help=True, help="What one proposes and another approves.")
    for app, name in ((erase, "erase"), (hold, "hold"), (proposals, "proposals")):
        main.add_typer(app, name=name)
    named: tuple[tuple[typer.Typer, str, Callable[..., None]], ...] = (
        (erase, "propose", _propose),
        (erase, "run", _run),
        (erase, "purge", _purge),
        (hold, "place", _place),
        (hold, "list", _holds),
        (hold, "lift", _lift),
        (proposals, "make", _make),
        (proposals, "list", _list),
        (proposals, "approve", _approve),
        (proposals, "refuse", _refuse),
        (proposals, "withdraw", _withdraw),
    )
    for app, name, command in named:
        app.command(name)(guard(command))
    main.command("erasure-scan")(guard(_scan))


def _propose(retiree: _Retiree, reason: _Reason, basis: _Basis) -> None:
    """Propose to erase a person. Another login approves; then it waits. Ends with 3 when refused."""
    _say(lambda eyes, by: eyes.propose_as(by, Wish(act=Act.ERASE, reason=reason, basis=basis, retiree=retiree)))


def _make(
    act: Annotated[Act, typer.Argument(help="What is to be done.")],
    reason: _Reason,
    basis: _Basis,
    subject: Annotated[str, typer.Option(help="Of what exactly, as the refusal said that asked for a proposal.")] = "",
    count: Annotated[int, typer.Option(min=0, help="Of how many people or events.")] = 0,
) -> None:
    """Propose what a refusal asked to be proposed. Ends with 3 when refused."""
    _say(lambda eyes, by: eyes.propose_as(by, Wish(act=act, reason=reason, basis=basis, subject=subject, count=count)))


def _approve(proposal: _Id) -> None:
    """Approve what another one proposed. Ends with 3 when refused."""
    _say(lambda eyes, by: eyes.approve_as(by, proposal))


def _refuse(proposal: _Id, reason: _Reason) -> None:
    """Say no to what another one proposed, also while it waits. Ends with 3 when refused."""
    _say(lambda eyes, by: eyes.refuse_as(by, proposal, reason))


def _withdraw(proposal: _Id) -> None:
    """Take back what you proposed, also while it waits. Ends with 3 when refused."""
    _say(lambda eyes, by: eyes.withdraw_as(by, proposal))


def _list(
    state: Annotated[str | None, typer.Option(help="proposed, approved, refused, withdrawn, expired, done.")] = None,
) -> None:
    """Show proposals, one a line."""
    with _eyes() as (eyes, _):
        for one in eyes.proposals.page(state, limit=1_000):
            typer.echo(_line(one))


def _run() -> None:
    """Erase everybody whose proposal is approved and whose days of waiting are over; once a day is often enough.

    Ends with 3 when some could not be erased; the others are.
    """
    from domain.refusals import Refused
    from services.commands.guard import REFUSED, said

    failed = False
    with _eyes() as (eyes, by):
        for proposal in eyes.due():
            try:
                done = eyes.erase(by, proposal)
            except Refused as refused:
                failed = True
                typer.echo(f"{proposal}: {said(refused)}", err=True)
            else:
                records = ", ".join(map(str, done.records))
                typer.echo(f"{proposal}: {records} 已删除 erased; 死信 dead letters: {len(done.letters)}")
    if failed:
        raise typer.Exit(REFUSED)


def _purge(
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Also delete from the intake topics what was taken in already.")
    ] = False,
) -> None:
    """Rewrite the tables that held what was erased, and let the old WAL go. Wants a superuser of the database, and a quiet hour.

    Afterwards PostgreSQL's files hold nothing more of it. What else there is to do: docs/erasure.md.
    """
    from infra.database import Database
    from infra.purging import purge
    from services.bootstrap import bus
    from services.bus.outgoing import INTAKE_GROUP, intake_topic
    from services.settings import Settings

    settings = Settings.read()
    with closing(Database(settings.database_url, role=None)) as database:
        purge(database, typer.echo)
    if kafka:
        for topic, gone in bus(settings).let_go(INTAKE_GROUP, map(intake_topic, Department)).items():
            typer.echo(f"{topic}: {gone} messages deleted; their bytes go with their segment, within two days")


def _place(retiree: _Retiree, reason: _Reason, basis: _Basis) -> None:
    """Hold somebody: they are not erased until two people have lifted it. Ends with 3 when refused."""
    with _eyes() as (eyes, by):
        typer.echo(eyes.hold_as(by, retiree, reason, basis).hold)


def _holds() -> None:
    """Show the holds that lie, the oldest first."""
    with _eyes() as (eyes, _):
        for one in eyes.holds.all():
            typer.echo(f"{one.hold} {one.retiree} {one.placed_at:%Y-%m-%d} {one.by} {one.basis} {one.reason}")


def _lift(
    proposal: Annotated[UUID | None, typer.Argument(help="The approved proposal.")] = None,
    hold: Annotated[UUID | None, typer.Option(help="Instead: propose to lift this hold.")] = None,
    reason: Annotated[str, typer.Option(help="With --hold: why; name nobody.")] = "",
    basis: Annotated[str, typer.Option(help="With --hold: the article or rule.")] = "",
) -> None:
    """Propose to lift a hold (--hold), or lift it by an approved proposal. Ends with 3 when refused."""
    if (proposal is None) == (hold is None):
        raise typer.BadParameter("give a proposal, or --hold", param_hint="--hold")
    if proposal:
        _say(lambda eyes, by: eyes.carry_out_as(by, proposal))
    if hold:
        _say(lambda eyes, by: eyes.propose_as(by, _lifting(eyes, hold, reason, basis)))


def _lifting(eyes: "FourEyes", hold: UUID, reason: str, basis: str) -> Wish:
    retiree = eyes.holds.find(hold).retiree
    return Wish(act=Act.LIFT_HOLD, reason=reason, basis=basis, subject=str(hold), retiree=retiree)


def _scan(
    directory: Annotated[
        list[Path] | None, typer.Argument(help="Directories of PostgreSQL, Kafka, logs, exports.")
    ] = None,
    database: Annotated[bool, typer.Option("--database", help="Every table of DATABASE_URL, too.")] = False,
    kafka: Annotated[bool, typer.Option("--kafka", help="Every message of KAFKA_BOOTSTRAP, too.")] = False,
) -> None:
    """Look for what is given on standard input, one a line: an erased number, name, telephone number. It is never repeated.

    Ends with 0 when nothing of it is anywhere, 3 when something is, each with its place and the line of the input.
    """
    import sys

    from services.commands.guard import REFUSED
    from services.scanning import scan

    found = 0
    for place in scan(sys.stdin.read().splitlines(), directory or [], database=database, kafka=kafka):
        found += 1
        typer.echo(place)
    if found:
        raise typer.Exit(REFUSED)
    typer.echo("未发现 nothing found", err=True)


@contextmanager
def _eyes() -> "Iterator[tuple[FourEyes, str]]":
    from infra.terminal import operator
    from services.four_eyes import four_eyes
    from services.opening import opened
    from services.settings import Settings

    settings = Settings.read()
    application, keys = opened(settings)
    with closing(application):
        yield four_eyes(application, keys, settings.changqing_erasure_waits_days), operator()


def _say(act: "Callable[[FourEyes, str], Proposal]") -> None:
    with _eyes() as (eyes, by):
        typer.echo(_line(act(eyes, by)))


def _line(one: Proposal) -> str:
    made = one.made
    what = " ".join(filter(None, [str(made.retiree or ""), made.subject, str(made.count or "")]))
    second = f" {one.second}" if one.second else ""
    due = f" {one.due}" if one.due and one.is_open else ""
    return f"{one.id} {one.state} {made.act} {what} {made.by}{second}{due}"
