"""When each was last verified, beside what was told of it."""

from alembic import op

from infra.sql import script

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    """Make the column, its index and the function."""
    op.get_bind().connection.cursor().execute(script("0034_last_verified"))
