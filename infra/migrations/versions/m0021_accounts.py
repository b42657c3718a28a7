"""The register of accounts, their secrets and sessions, failed attempts, and the keys of tokens."""

from alembic import op

from infra.sql import script

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Make the tables."""
    op.get_bind().connection.cursor().execute(script("0021_accounts"))
