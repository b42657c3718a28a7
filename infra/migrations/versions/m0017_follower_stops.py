"""Where followers stopped."""

from alembic import op

from infra.sql import script

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Make the table."""
    op.get_bind().connection.cursor().execute(script("0017_follower_stops"))
