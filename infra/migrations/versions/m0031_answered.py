"""Answers that move money are counted, and proposals are shown by rows."""

from alembic import op

from infra.sql import script

revision = "0031"
down_revision = "0028"


def upgrade() -> None:
    """Make the table of what was answered, and bind who is shown a proposal."""
    op.get_bind().connection.cursor().execute(script("0031_answered"))
