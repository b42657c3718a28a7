"""Rotating the key-encryption key."""

from alembic import op

from infra.sql import script

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Make room for the key that comes next, and for the secrets handed on to it."""
    op.get_bind().connection.cursor().execute(script("0025_rotation"))
