"""People found by parts of their names, and facts told late by who told what."""

from alembic import op

from infra.sql import script

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Let the search be folded again from the beginning of the log, and read deeds of any time in their order."""
    op.get_bind().connection.cursor().execute(script("0027_parts_of_names"))
