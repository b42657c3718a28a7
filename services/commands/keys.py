"""`changqing rotate-key`: a key of the ledger becomes another one while everything goes on."""

from typing import Annotated

import typer


def rotate_key(
    receipts: Annotated[
        bool,
        typer.Option("--receipts", help="The key that receipts are signed with, in place of the key-encryption key."),
    ] = False,
    hours: Annotated[
        float,
        typer.Option(
            min=0, max=8_760, help="Of --receipts: how long the new key is published before it signs; 0: at once."
        ),
    ] = 24.0,
) -> None:
    """Wrap every retiree's key under the key of CHANGQING_NEXT_KEY_FILE. Wants the login that owns the database, as migrate does.

    First give that key to every process, beside the one they have. Killed at any point, the same command goes on from there.
    When it ends with 0, CHANGQING_KEY_FILE is to name the new key, and the old one is needed no more.

    With --receipts: receipts are signed with a new key, and those of before verify as ever. Ends with 3 while an earlier new key
    has yet to sign.
    """
    if receipts:
        _rotate_receipts(hours)
    else:
        _rotate_master_key()


def _rotate_receipts(hours: float) -> None:
    from contextlib import closing
    from datetime import timedelta

    from infra.receipt_keys import ReceiptKeys
    from infra.terminal import operator
    from services.opening import opened
    from services.settings import Settings

    application, keys = opened(Settings.read())
    with closing(application):
        application.ledger.check_key()
        key = ReceiptKeys(application.database, keys).rotate(operator(), timedelta(hours=hours))
    typer.echo(f"done: {key.kid} is published at /v1/keys and signs receipts from {key.since:%Y-%m-%d %H:%M:%S %Z} on")


def _rotate_master_key() -> None:
    from contextlib import closing

    from infra.database import Database
    from infra.rotation import Rotation
    from infra.terminal import operator
    from services.opening import next_key, this_key
    from services.settings import Settings, SettingsError

    settings = Settings.read()
    new = next_key(settings)
    if new is None:
        raise SettingsError("CHANGQING_NEXT_KEY_FILE must name the key to rotate to")
    with closing(Database(settings.database_url, role=None)) as database:
        rotation = Rotation(database, this_key(settings), new)
        done = rotation.run(
            operator(), lambda so_far: typer.echo(f"{so_far.seen} keys, {so_far.rewrapped} wrapped anew")
        )
    if done is None:
        typer.echo("nothing to do: the ledger is under the next key already")
    else:
        typer.echo(
            f"done: all {done.seen} keys are under the next key; name it in CHANGQING_KEY_FILE, and destroy the old one"
        )
