"""Registers of archives, party relations, fees, visits and verifications."""

from alembic import op

from infra.sql import script

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Make the tables of the registers, and let the views be folded again from the beginning of the log."""
    op.get_bind().connection.cursor().execute(script("0019_registers"))
