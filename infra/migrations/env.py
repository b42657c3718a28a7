"""Alembic's entry: one connection, one transaction for all migrations, one migrator at a time."""

from alembic import context
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.engine import make_url

url = make_url(context.config.attributes["dsn"]).set(drivername="postgresql+psycopg")
with create_engine(url, poolclass=NullPool).connect() as connection:  # kept nowhere, even when a migration refuses
    context.configure(connection=connection, transaction_per_migration=False)
    with context.begin_transaction():
        connection.execute(text("select pg_advisory_xact_lock(7215001)"))  # a second migrator waits, then finds it done
        context.run_migrations()
