"""What was asked once and for all, and which trace events belong to."""

from alembic import op

from infra.sql import script

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Make the tables."""
    op.get_bind().connection.cursor().execute(script("0026_running"))
