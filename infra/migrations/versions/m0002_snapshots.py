"""Snapshots of the eventsourcing library's aggregates."""

from alembic import op

from infra.sql import script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table of snapshots."""
    op.get_bind().connection.cursor().execute(script("0002_snapshots"))
