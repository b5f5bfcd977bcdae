"""Migrations are SQL that goes forward only and runs under the old code: add, backfill, drop."""

from collections.abc import Sequence

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine.finder import engine_finder


def forward(
    migration_id: str, app_name: str, description: str, statements: Sequence[str]
) -> MigrationManager:
    """A migration that runs `statements` in order, in one transaction."""
    manager = MigrationManager(migration_id=migration_id, app_name=app_name, description=description)

    async def run() -> None:
        engine = engine_finder()
        if engine is None:
            raise RuntimeError("no engine: migrations are run by deploy.migrate")
        for statement in statements:
            await engine.run_ddl(statement)

    manager.add_raw(run)
    return manager
