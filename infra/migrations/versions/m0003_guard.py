"""Who may do what to the log; partitions ahead of need; what was archived."""

from alembic import op

from infra.sql import script

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Guard the log."""
    op.get_bind().connection.cursor().execute(script("0003_guard"))
