"""The register of sources."""

from alembic import op

from infra.sql import script

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make the tables of sources and of their keys."""
    op.get_bind().connection.cursor().execute(script("0012_sources"))
