"""What came of each source."""

from alembic import op

from infra.sql import script

revision = "0013"
down_revision = "0012"  # chained again when merged


def upgrade() -> None:
    """Make the tables of sources; the follower that fills them begins at the beginning of the log."""
    op.get_bind().connection.cursor().execute(script("0013_completeness"))
