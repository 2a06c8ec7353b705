"""What Alembic runs: the migrations, on the connection and transaction it was handed."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    # SQLite rolls tables back as well, once its driver is told where a transaction begins.
    transactional_ddl=True,
)
context.run_migrations()
