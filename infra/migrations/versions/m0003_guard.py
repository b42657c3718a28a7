"""Who may do what to the log; partitions ahead of need; what was archived."""

from alembic import op
from psycopg import DatabaseError

from infra.database import RightsError
from infra.sql import script

revision = "0003"
down_revision = "0002"
_MISSING_RIGHT = "CQ002"


def upgrade() -> None:
    """Guard the log. Raises `RightsError` when a superuser must make the services' role."""
    try:
        op.get_bind().connection.cursor().execute(script("0003_guard"))
    except DatabaseError as error:
        if error.sqlstate != _MISSING_RIGHT:
            raise
        raise RightsError(f"{error.diag.message_primary}. {error.diag.message_hint}") from error
