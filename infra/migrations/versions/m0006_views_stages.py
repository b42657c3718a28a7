"""What became of alerts, and of registrations."""

from alembic import op

from infra.sql import script

revision = "0006"
down_revision = "0004"


def upgrade() -> None:
    """Widen the views and let them be folded again from the beginning of the log."""
    op.get_bind().connection.cursor().execute(script("0006_views_stages"))
