"""`changqing source ...` and `changqing new-signing-key`: the register of sources and the keys they sign with."""

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from domain.facts import Department

Guard = Callable[[Callable[..., None]], Callable[..., None]]

_Source = Annotated[str, typer.Argument(help="The source, /department/...; it covers all below it.")]
_Keyid = Annotated[str, typer.Argument(help="The key's name, as `source show` has it.")]
_By = Annotated[str, typer.Option(help="Who does this; it is recorded.")]
_Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
_DAYS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
_Heartbeat = Annotated[
    int | None, typer.Option(min=0, max=100_000, help="It may be silent for so many minutes at most; 0: for ever.")
]


def add_commands(main: typer.Typer, guard: Guard) -> None:
    """Add the commands to the one command; `guard` says foreseen failures in a sentence."""
    source = typer.Typer(no_args_is_help=True, help="Register sources, what is agreed with them, and their keys.")
    main.add_typer(source, name="source")
    named: dict[str, Callable[..., None]] = {
        "register": _register,
        "policy": _policy,
        "numbers": _numbers,
        "key-add": _key_add,
        "key-revoke": _key_revoke,
        "list": _list,
        "show": _show,
        "affected": _affected,
        "missing": _missing,
    }
    for name, command in named.items():
        source.command(name)(guard(command))
    main.command("new-signing-key")(guard(_new_signing_key))
    main.command("original")(guard(_original))


def _register(
    source: _Source,
    by: _By,
    office: Annotated[str, typer.Option(help="The office that answers for it; no person.")] = "",
    signed: Annotated[bool, typer.Option("--signed/--unsigned", help="Whether its events must be signed.")] = False,
    sequence: Annotated[bool, typer.Option("--sequence/--no-sequence", help="Whether they must be numbered.")] = False,
    heartbeat_minutes: _Heartbeat = None,
) -> None:
    """Register a source. Ends with 3 when it is there already or belongs to no department."""
    from domain.sources import Policy
    from services.sources.showing import register

    policy = Policy(must_be_signed=signed, heartbeat_minutes=heartbeat_minutes or None, sequence_required=sequence)
    raise typer.Exit(register(source, office, policy, by))


def _policy(
    source: _Source,
    by: _By,
    office: Annotated[str | None, typer.Option(help="The office that answers for it; no person.")] = None,
    signed: Annotated[
        bool | None, typer.Option("--signed/--unsigned", help="Whether its events must be signed.")
    ] = None,
    sequence: Annotated[
        bool | None, typer.Option("--sequence/--no-sequence", help="Whether they must be numbered.")
    ] = None,
    heartbeat_minutes: _Heartbeat = None,
) -> None:
    """Change what is agreed with a source; what is not named stays. Ends with 3 when it is not registered."""
    from services.sources.showing import agree

    changed: dict[str, Any] = {} if signed is None else {"must_be_signed": signed}
    changed |= {} if sequence is None else {"sequence_required": sequence}
    changed |= {} if heartbeat_minutes is None else {"heartbeat_minutes": heartbeat_minutes or None}
    raise typer.Exit(agree(source, office, by, changed))


def _numbers(
    source: Annotated[str, typer.Argument(help="The source, /department/..., as its events name it.")],
    highest: Annotated[int, typer.Option(min=0, max=10**15 - 1, help="Its numbers go on after this one.")],
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")],
    by: _By,
) -> None:
    """Say where the numbers of a source go on: it began elsewhere, or once gave one far too high. What is above is not asked for."""
    from services.sources.showing import set_numbers

    raise typer.Exit(set_numbers(source, highest, reason, by))


def _key_add(
    source: _Source,
    by: _By,
    public: Annotated[str, typer.Option(help="The public key in base64: 32 bytes of Ed25519, or P-256.")] = "",
    file: Annotated[Path | None, typer.Option(help="Instead: a PEM file with the public key.")] = None,
    keyid: Annotated[str, typer.Option(help="Its name, when it is to have one of its own.")] = "",
    valid_from: Annotated[datetime | None, typer.Option(formats=_DAYS, help="In Beijing; now by default.")] = None,
    valid_until: Annotated[datetime | None, typer.Option(formats=_DAYS, help="No longer from then on.")] = None,
) -> None:
    """Add a key that a source signs with. Several may be good at once, so that one can take over from another."""
    from services.application import BEIJING
    from services.sources.showing import add_key

    try:
        raw = base64.b64decode(public, validate=True)
    except binascii.Error:
        raise typer.BadParameter("this is no base64", param_hint="--public") from None
    if bool(raw) == bool(file):
        raise typer.BadParameter("give one of --public and --file", param_hint="--public")
    span = valid_from or datetime.now(BEIJING), valid_until
    raise typer.Exit(add_key(source, file or raw, keyid, span, by))


def _key_revoke(
    keyid: _Keyid,
    by: _By,
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")],
    since: Annotated[
        datetime | None, typer.Option(formats=_DAYS, help="From then on it counts no more, in Beijing; now by default.")
    ] = None,
) -> None:
    """Revoke a key, from a past day if need be. What was accepted stays; `source affected` lists it."""
    from services.application import BEIJING
    from services.sources.showing import revoke

    raise typer.Exit(revoke(keyid, since or datetime.now(BEIJING), reason, by))


def _list(*, json: _Json = False) -> None:
    """Show every source with what is agreed and its keys."""
    from services.sources.showing import show

    raise typer.Exit(show(None, as_json=json))


def _show(source: _Source, *, json: _Json = False) -> None:
    """Show one source with what is agreed and its keys."""
    from services.sources.showing import show

    raise typer.Exit(show(source, as_json=json))


def _affected(
    keyid: _Keyid,
    since: Annotated[
        datetime | None, typer.Option(formats=_DAYS, help="By default since its revocation, or since it is good.")
    ] = None,
    *,
    json: _Json = False,
) -> None:
    """List what was accepted under a key: to be looked at after it was revoked."""
    from services.sources.showing import affected

    raise typer.Exit(affected(keyid, since, as_json=json))


def _missing(
    source: _Source,
    known: Annotated[
        str, typer.Option(help="As known by the end of a day (Beijing), or at a time; now by default.")
    ] = "",
    *,
    json: _Json = False,
) -> None:
    """Show what is missing of a source. Ends with 3 where something is, 2 where nothing is known of it."""
    from services.following.positions import time_of
    from services.sources.missing import show_missing

    try:
        at = time_of(known) if known else None
    except ValueError:
        raise typer.BadParameter(f"{known} is neither a day nor a time", param_hint="--known") from None
    raise typer.Exit(show_missing(source, at, as_json=json))


def _original(
    source: Annotated[str, typer.Argument(help="The source of the event.")],
    id_: Annotated[str, typer.Argument(metavar="ID", help="Its id.")],
    by: Annotated[str, typer.Option(help="Who looks; it is recorded.")],
    purpose: Annotated[str, typer.Option(help="What for; it is recorded.")],
    department: Annotated[Department, typer.Option(help="Whose auditor that is.")] = Department.AGENCY,
    *,
    data: Annotated[bool, typer.Option("--data", help="Only the data, byte for byte.")] = False,
) -> None:
    """Show an event as it was sent, with its signature checked anew. The look is recorded first. Ends with 3 when it is not to be had."""
    from services.accepting.originals import show

    raise typer.Exit(show(source, id_, (department, by), purpose, data_only=data))


def _new_signing_key(
    file: Annotated[Path, typer.Argument(help="The file to make, PEM; an existing one is left alone.")],
) -> None:
    """Make a key to sign events with (Ed25519), and show its name and public half for `source key-add`."""
    from services.sources.showing import new_signing_key

    raise typer.Exit(new_signing_key(file))
