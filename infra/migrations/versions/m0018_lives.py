"""What holds of each retiree from a day on."""

from alembic import op

from infra.sql import script

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Make the table, and let the views be folded again from the beginning of the log."""
    op.get_bind().connection.cursor().execute(script("0018_lives"))
