"""Handovers as a view."""

from alembic import op

from infra.sql import script

revision = "0010"
down_revision = "0008"


def upgrade() -> None:
    """Make the table of handovers and let the views be folded again from the beginning of the log."""
    op.get_bind().connection.cursor().execute(script("0010_handovers"))
