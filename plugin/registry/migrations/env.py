"""What alembic runs: it migrates on the connection that the registry gives it.

For a maintainer's ``alembic revision --autogenerate`` see docs/development.md.
"""

from alembic import context

from plugin.registry.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite can roll back a migration too: the registry begins the transaction itself.
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
