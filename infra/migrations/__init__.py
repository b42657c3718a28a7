"""Brings a database to the newest schema: Alembic runs the plain SQL scripts of `infra/sql`."""

from importlib.resources import files

from alembic import command
from alembic.config import Config


def migrate(dsn: str) -> None:
    """Apply every migration that the database does not have yet. Safe to run again, and by several at once."""
    config = Config()
    config.set_main_option("script_location", str(files(__package__)))
    config.attributes["dsn"] = dsn
    command.upgrade(config, "head")
