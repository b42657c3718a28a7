"""Consumers."""

from alembic import op

from infra.sql import script

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Make the tables of consumers, of how far each has come, and of their dead letters."""
    op.get_bind().connection.cursor().execute(script("0014_consumers"))
