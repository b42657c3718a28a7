"""`changqing rotate-key`: the key-encryption key of the ledger becomes another one while everything goes on."""

import typer


def rotate_key() -> None:
    """Wrap every retiree's key under the key of CHANGQING_NEXT_KEY_FILE. Wants the login that owns the database, as migrate does.

    First give that key to every process, beside the one they have. Killed at any point, the same command goes on from there.
    When it ends with 0, CHANGQING_KEY_FILE is to name the new key, and the old one is needed no more.
    """
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
