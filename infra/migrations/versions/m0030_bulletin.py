"""The bulletin's figures are kept, each with the position and the law that they were reckoned at."""

from alembic import op

from infra.sql import script

revision = "0030"
down_revision = "0028"


def upgrade() -> None:
    """Make the tables; what they hold is reckoned again whenever it is asked for."""
    op.get_bind().connection.cursor().execute(script("0030_bulletin"))
