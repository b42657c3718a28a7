"""Refusals once each, and dead letters."""

from alembic import op

from infra.sql import script

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the tables of what was not taken in."""
    op.get_bind().connection.cursor().execute(script("0011_dispositions"))
