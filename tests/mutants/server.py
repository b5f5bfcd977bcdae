"""`python -m tests.mutants.server` runs one PostgreSQL for all mutants until its standard input ends.

It prints two addresses: the superuser's, and that of the role that owns what tests make.
"""

import shutil
import sys

from deploy.embedded import open_database
from deploy.embedded.locks import FileLock
from tests.harness.postgres import ALIVE, FAST_SETTINGS, FOLDER_PREFIX, make_folder


def main() -> None:
    folder = make_folder(FOLDER_PREFIX)
    alive = FileLock(folder / ALIVE)  # else the next run of the tests removes the folder
    alive.try_alone()
    try:
        with open_database(folder, FAST_SETTINGS) as database:
            print(database.superuser_dsn(), database.dsn, flush=True)
            sys.stdin.read()
    finally:
        alive.close()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
