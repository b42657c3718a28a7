"""Which rows whoever asks may see, said to PostgreSQL: row-level security, and a role that owns nothing."""

from alembic import op
from psycopg import DatabaseError

from infra.database import RightsError
from infra.sql import script

revision = "0028"
down_revision = "0027"
_MISSING_RIGHT = "CQ002"


def upgrade() -> None:
    """Bind readers to rows. Raises `RightsError` when a superuser must make the readers' role."""
    try:
        op.get_bind().connection.cursor().execute(script("0028_rights"))
    except DatabaseError as error:
        if error.sqlstate != _MISSING_RIGHT:
            raise
        raise RightsError(f"{error.diag.message_primary}. {error.diag.message_hint}") from error
