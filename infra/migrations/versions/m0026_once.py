"""What was asked once and for all."""

from alembic import op

from infra.sql import script

revision = "0026"
down_revision = "0020"


def upgrade() -> None:
    """Make the table."""
    op.get_bind().connection.cursor().execute(script("0026_once"))
