"""What the read models said before."""

from alembic import op

from infra.sql import script

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Make the tables of what was, and let the views be folded again from the beginning of the log."""
    op.get_bind().connection.cursor().execute(script("0015_views_past"))
