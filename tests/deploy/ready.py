"""A database that is made and migrated already: a test that is not about the first start begins with a copy of it.

Made once a run, in the run's own folder, by whichever process comes first.
"""

import asyncio
import os
from pathlib import Path
from typing import Final

from deploy.embedded import open_database
from deploy.embedded.locks import FileLock
from deploy.migrate import migrate
from tests.deploy.embedded.programs import copy_cluster
from tests.harness.postgres import FOLDER

MADE_S: Final = 120
"""For how long the one who makes it is waited for."""


def put_database(data: Path) -> None:
    """Puts the database into a data folder that has none yet. Without keys: the first start makes them."""
    if not (data / "postgres").exists():
        data.mkdir(mode=0o711, parents=True, exist_ok=True)
        copy_cluster(_ready() / "postgres", data / "postgres")


def _ready() -> Path:
    folder = Path(os.environ[FOLDER])
    ready, made = folder / "ready", folder / "making"
    lock = FileLock(folder / "ready.lock")
    try:
        with lock.held(MADE_S):
            if not ready.exists():
                with open_database(made) as database:
                    asyncio.run(migrate(database.dsn))
                made.rename(ready)
    finally:
        lock.close()
    return ready
