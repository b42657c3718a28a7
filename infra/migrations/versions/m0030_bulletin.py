"""The bulletin's figures are kept, each with their position and law; and what was known of sources at any time is."""

from alembic import op

from infra.sql import script

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Make the tables; what they hold is reckoned again whenever it is asked for."""
    op.get_bind().connection.cursor().execute(script("0030_bulletin"))
