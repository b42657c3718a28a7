"""What falls due, by day."""

from alembic import op

from infra.sql import script

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the table of what falls due."""
    op.get_bind().connection.cursor().execute(script("0007_clock"))
