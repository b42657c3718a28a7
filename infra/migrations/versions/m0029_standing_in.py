"""Whoever stands in some communities, in order, from indexes alone, however many the communities are."""

from alembic import op

from infra.sql import script

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Make the function that pages of rosters and registers begin with."""
    op.get_bind().connection.cursor().execute(script("0029_standing_in"))
