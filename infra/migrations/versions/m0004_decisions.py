"""What decisions look up by key."""

from alembic import op

from infra.sql import script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create what decisions look up."""
    op.get_bind().connection.cursor().execute(script("0004_decisions"))
