"""Real servers for the demo and the tests, with neither Docker nor system packages.

    postgres = Postgres(home / "postgres")
    postgres.start()
    ...
    postgres.stop()

Both servers come out of wheels and jars (the `embedded` extra) and speak exactly as the external ones do in production.
"""

from infra.embedded.errors import EmbeddedError
from infra.embedded.kafka import Kafka
from infra.embedded.postgres import Postgres

__all__ = ["EmbeddedError", "Kafka", "Postgres"]
