"""Answers that move money are counted."""

from alembic import op

from infra.sql import script

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Make the table of what was answered."""
    op.get_bind().connection.cursor().execute(script("0031_answered"))
