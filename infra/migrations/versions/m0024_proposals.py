"""Four eyes, legal holds, and the erasure of a person."""

from alembic import op

from infra.sql import script

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Make the tables of proposals and holds, and the function that erases."""
    op.get_bind().connection.cursor().execute(script("0024_proposals"))
