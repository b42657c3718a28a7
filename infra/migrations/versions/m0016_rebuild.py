"""Room for other versions of the read models."""

from alembic import op

from infra.sql import script

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Make the schemas."""
    op.get_bind().connection.cursor().execute(script("0016_rebuild"))
