"""Alembic's environment: it runs inside the transaction that upgrade.py hands it, never on a connection of its own."""

from alembic import context

from cloud.storage.tables.metadata import metadata

# Alembic executes this file; nothing imports it.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite's DDL is transactional where we begin transactions ourselves: a killed upgrade leaves the old shape.
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
