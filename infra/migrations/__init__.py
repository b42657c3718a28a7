"""Brings a database to the newest schema: Alembic runs the plain SQL scripts of `infra/sql`."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from sqlalchemy.exc import OperationalError

from infra.database import unavailable


def migrate(dsn: str) -> None:
    """Apply every migration that the database does not have yet. Safe to run again, and by several at once. Raises `DatabaseError`."""
    config = Config()
    config.set_main_option("script_location", str(files(__package__)))
    config.attributes["dsn"] = dsn
    try:
        command.upgrade(config, "head")
    except OperationalError as error:
        raise unavailable(error.orig or error) from error
