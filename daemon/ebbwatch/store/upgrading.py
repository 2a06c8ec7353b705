"""Which version a database's tables are of, and how they are brought to another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

from ebbwatch.ports import StoreError
from ebbwatch.store.schema import HEAD

_MIGRATIONS = Path(__file__).with_name("migrations")

#: Number of the advisory lock under which PostgreSQL is migrated: "ebbm" in ASCII.
_MIGRATION_LOCK = 0x6562626D


def version_of(connection: Connection) -> str | None:
    """Return the migration a database stands at, or None where it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def lock_tables(connection: Connection) -> None:
    """Keep others from migrating until the transaction ends; SQLite has one writer anyway."""
    if connection.engine.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))


def upgrade(connection: Connection, where: str, to: str = "head") -> None:
    """Bring a database's tables to a version, within the connection's transaction.

    Args:
        connection: With the database.
        where: What it is, for people.
        to: The version; by default the newest.

    Raises:
        StoreError: If the database, or the version asked for, is newer than this program.
    """
    # Imported here because it is slow, and not needed for a database that is up to date.
    from alembic import command  # noqa: PLC0415

    refuse_newer(version_of(connection), where)
    command.upgrade(_config(connection), to)


def refuse_newer(version: str | None, where: str) -> None:
    """Raise `StoreError` where a version is none that this program knows."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415  slow, as above

    scripts = ScriptDirectory.from_config(_config())
    known = {script.revision for script in scripts.walk_revisions()}
    if version is not None and version not in known:
        raise StoreError(
            f"{where} belongs to a newer Ebbwatch: expected its schema to be at most {HEAD}, "
            f"found {version}; install that version, or go back to a backup made before it"
        )


def _config(connection: Connection | None = None) -> Any:
    from alembic.config import Config  # noqa: PLC0415  slow, as above

    config = Config(attributes={"connection": connection})
    # Alembic reads this through configparser, to which a percent sign is special.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config
