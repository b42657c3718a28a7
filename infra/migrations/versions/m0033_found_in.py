"""Who is found of some communities, without a look at everybody of that name."""

from alembic import op

from infra.sql import script

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Make the function."""
    op.get_bind().connection.cursor().execute(script("0033_found_in"))
