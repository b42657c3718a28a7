"""`changqing account ...`: who may ask. A secret is shown once, when it is made."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from domain.facts import Department
from services.accounts import Role

Guard = Callable[[Callable[..., None]], Callable[..., None]]

_Name = Annotated[str, typer.Argument(help="The account's name, without a dot, a colon or a slash.")]
_By = Annotated[str, typer.Option(help="Who does this; it is recorded. By default your login.")]
_Until = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day on which it ends (UTC).")]


def add_commands(main: typer.Typer, guard: Guard) -> None:
    """Add the commands to the one command; `guard` says foreseen failures in a sentence."""
    account = typer.Typer(no_args_is_help=True, help="Accounts: who may ask, and by which secret or password.")
    main.add_typer(account, name="account")
    named: dict[str, Callable[..., None]] = {
        "new": _new,
        "list": _list,
        "change": _change,
        "rotate": _rotate,
        "disable": _disable,
        "enable": _enable,
        "unlock": _unlock,
        "rotate-token-key": _rotate_token_key,
    }
    for name, command in named.items():
        account.command(name)(guard(command))
    main.command("new-account")(guard(_new))


def _new(
    name: _Name,
    role: Annotated[Role, typer.Option(help="What it is for.")],
    department: Annotated[Department, typer.Option(help="Whom it belongs to.")],
    division: Annotated[str, typer.Option(help="The beginning of the division codes it may see.")] = "",
    until: _Until = None,
    subject: Annotated[str, typer.Option(help="Who it is at the issuer that people sign in at (OIDC).")] = "",
    by: _By = "",
    *,
    person: Annotated[
        bool, typer.Option("--person", help="For a person at the pages: a password, to be changed at once.")
    ] = False,
    bound: Annotated[
        bool, typer.Option("--certificate-bound", help="Tokens only with a client certificate (RFC 8705).")
    ] = False,
) -> None:
    """Make an account, and print its secret, this once: a program's, or a person's first password. Ends with 3 when refused."""
    from domain.accounts import Standing

    standing = Standing(
        role=role, department=department, division=division, until=_utc(until), subject=subject, bound=bound
    )
    _at_desk(lambda desk: desk.new(name, standing, _who(by), person=person))


def _list(*, json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Show every account and how it stands."""
    _at_desk(lambda desk: desk.every(as_json=json))


def _change(
    name: _Name,
    role: Annotated[Role | None, typer.Option(help="What it is for.")] = None,
    department: Annotated[Department | None, typer.Option(help="Whom it belongs to.")] = None,
    division: Annotated[str | None, typer.Option(help="The beginning of the division codes it may see.")] = None,
    until: _Until = None,
    subject: Annotated[str | None, typer.Option(help="Who it is at the issuer that people sign in at.")] = None,
    by: _By = "",
) -> None:
    """Change what is given; the rest stays. Its sessions and tokens are over. Ends with 3 when refused."""
    given = {"role": role, "department": department, "division": division, "until": _utc(until), "subject": subject}
    wanted = {member: value for member, value in given.items() if value is not None}
    _at_desk(lambda desk: desk.change(name, wanted, _who(by)))


def _rotate(
    name: _Name,
    hours: Annotated[
        float,
        typer.Option(min=0, max=8_760, help="How long the older secret is good beside it; 0: it is over at once."),
    ] = 24,
    by: _By = "",
    *,
    person: Annotated[bool, typer.Option("--person", help="A new first password instead.")] = False,
) -> None:
    """Make a new secret for a program, or a new first password for a person, and print it, this once. Ends with 3 when refused."""
    _at_desk(lambda desk: desk.rotate(name, _who(by), hours, person=person))


def _disable(
    name: _Name, reason: Annotated[str, typer.Option(help="Why; it is recorded.")] = "no longer wanted", by: _By = ""
) -> None:
    """Let nobody in by an account any more; every process knows within ten seconds. Ends with 3 when refused."""
    _at_desk(lambda desk: desk.disable(name, _who(by), reason))


def _enable(name: _Name, by: _By = "") -> None:
    """Let an account be used again. Ends with 3 when refused."""
    _at_desk(lambda desk: desk.enable(name, _who(by)))


def _unlock(name: _Name, by: _By = "") -> None:
    """Forget an account's failed attempts, so that nobody has to wait. Ends with 3 when refused."""
    _at_desk(lambda desk: desk.unlock(name, _who(by)))


def _rotate_token_key(
    minutes: Annotated[
        int,
        typer.Option(min=0, max=10_080, help="How long tokens of the older key are good; 0: they are over at once."),
    ] = 20,
    by: _By = "",
) -> None:
    """Make a new key that tokens are signed with."""
    _at_desk(lambda desk: desk.rotate_token_key(_who(by), minutes))


def _utc(day: datetime | None) -> datetime | None:
    return day and day.replace(tzinfo=UTC)


def _who(by: str) -> str:
    """Whom the host knows, and beside it who they say they do it for."""
    from infra.terminal import operator

    return f"{operator()} ({by})" if by else operator()


def _at_desk(deed: Callable[[Any], None]) -> None:
    from services.commands.desks import at_desk
    from services.identities.command import Desk
    from services.settings import Settings

    if code := at_desk(Desk(Settings.read()), deed):
        raise typer.Exit(code)
