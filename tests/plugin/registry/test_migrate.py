"""The migrations make the tables that the code uses, once, whoever starts first."""

import stat
import subprocess
import sys
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import plugin.registry.migrations
from plugin.registry import Registry
from plugin.registry.engine import Database
from plugin.registry.tables import metadata

START = "import sys; from plugin.registry import Registry; Registry(sys.argv[1]).migrate()"


def test_migrations_make_the_tables_of_the_code(registry_url):
    with Registry(registry_url) as registry:
        registry.migrate()
    database = Database(registry_url)
    with database.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        differences = compare_metadata(context, metadata)
    database.close()
    assert differences == []


def test_migrations_form_one_line():
    folder = Path(plugin.registry.migrations.__file__).parent
    assert len(ScriptDirectory(str(folder)).get_heads()) == 1


def test_migrate_is_harmless_when_processes_start_together(registry_url):
    processes = [
        subprocess.Popen([sys.executable, "-c", START, registry_url], stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, errors
    with Registry(registry_url) as registry:
        registry.migrate()
        assert registry.studies.list() == []


def test_migrate_of_current_tables_waits_for_no_writer(registry_url):
    """Every command and process migrates at its start; that must not stop a running system."""
    with Registry(registry_url) as registry:
        registry.migrate()
    database = Database(registry_url)
    with database.write() as connection:
        connection.execute(metadata.tables["peers"].delete())
        arguments = [sys.executable, "-c", START, registry_url]
        assert subprocess.run(arguments, timeout=25, check=False).returncode == 0
    database.close()


def test_migrate_makes_a_private_file_in_wal_mode(tmp_path):
    path = tmp_path / "new" / "registry.sqlite"
    with Registry(f"sqlite:///{path}") as registry:
        registry.migrate()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    database = Database(f"sqlite:///{path}")
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    database.close()
