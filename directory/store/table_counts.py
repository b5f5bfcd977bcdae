"""Counts what a database holds, and who uses it, for backups. Trusted as the database is."""

from directory.store.database import Connection

_TABLES = (
    "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('public') AND relkind IN ('r', 'p')"
    " ORDER BY relname"
)


async def list_tables(connection: Connection) -> list[str]:
    """Lists the tables of the schema `public`, by name."""
    return [str(name) for (name,) in await connection.fetch(_TABLES)]


async def count_rows(connection: Connection, table: str) -> int:
    """Counts the rows of a table of `list_tables`."""
    quoted = await connection.fetchval("SELECT quote_ident($1)", table)
    # Quoted by the server itself: a name cannot be a parameter.
    return int(await connection.fetchval(f"SELECT count(*) FROM public.{quoted}"))


async def list_migrations(connection: Connection) -> dict[str, list[str]]:
    """Lists the names of the migrations that have run, by app."""
    found: dict[str, list[str]] = {}
    for app, name in await connection.fetch("SELECT app_name, name FROM migration ORDER BY app_name, name"):
        found.setdefault(app, []).append(name)
    return found


async def export_snapshot(connection: Connection) -> str:
    """Makes what this transaction sees readable for others while it lasts. Returns the name of the snapshot."""
    return str(await connection.fetchval("SELECT pg_export_snapshot()"))


async def count_other_sessions(connection: Connection) -> int:
    """Counts the connections of others to this database."""
    return int(
        await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
    )
