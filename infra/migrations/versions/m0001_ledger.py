"""The ledger and its views."""

from alembic import op

from infra.sql import script

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the log and the read models."""
    driver = op.get_bind().connection.cursor()  # the driver's own cursor: SQLAlchemy would take a `%` for a parameter
    for name in ("0001_ledger", "0001_views"):
        driver.execute(script(name))
