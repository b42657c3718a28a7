"""Records that another one leads."""

from alembic import op

from infra.sql import script

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table of records that are led."""
    op.get_bind().connection.cursor().execute(script("0008_led"))
