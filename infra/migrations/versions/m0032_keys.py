"""The keys of receipts one after the other, and that a retiree's key goes by erasing alone."""

from alembic import op

from infra.sql import script

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Make the table, and take rights back."""
    op.get_bind().connection.cursor().execute(script("0032_keys"))
