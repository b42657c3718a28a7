"""How late facts were told, and the gaps in what sources send."""

from alembic import op

from infra.sql import script

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Change the trail, make the table of gaps, and let the views be folded again from the beginning of the log."""
    op.get_bind().connection.cursor().execute(script("0020_sharing"))
