"""By which way and why somebody was looked at, what each outlet was recorded for, and what is usual for each account."""

from alembic import op

from infra.sql import script

revision = "0023"
down_revision = "0021"


def upgrade() -> None:
    """Change the trail, make the tables, and let the views be folded again from the beginning of the log."""
    op.get_bind().connection.cursor().execute(script("0023_disclosures"))
