"""A program that holds a share in a database until it is told to stop.

`python -m tests.deploy.embedded.holder <data folder> [--uid N] [--site <folder with the wheel>]`

It writes one JSON line when the database is open, or could not be opened, waits for a line on its input, and closes.
Interrupted during the wait it still asks the server something before it closes.
"""

import argparse
import asyncio
import json
import os
import select
import signal
import sys
from pathlib import Path

import asyncpg
import structlog

from deploy.embedded import EmbeddedDatabase, EmbeddedError, open_database


def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    wishes = read_wishes()
    # As in a terminal, also where `nohup` runs the tests, or a shell that lets them run beside others.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if wishes.site:
        sys.path.insert(0, wishes.site)
    # Only now: the interpreter may lie where that user could not have started it.
    if wishes.uid not in (None, os.geteuid()):
        os.setgroups([])
        os.setgid(wishes.uid)
        os.setuid(wishes.uid)
    try:
        with open_database(wishes.data) as database:
            hold(database)
    except EmbeddedError as error:
        say(error=error.code, text=str(error), detail=error.detail)


def read_wishes() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--uid", type=int)
    parser.add_argument("--site")
    return parser.parse_args()


def hold(database: EmbeddedDatabase) -> None:
    server_pid = asyncio.run(ask_server_pid(database.superuser_dsn()))
    try:
        say(dsn=database.dsn, superuser_dsn=database.superuser_dsn(), server_pid=server_pid)
        wait_for_input_or_signal()
    except KeyboardInterrupt:
        asyncio.run(ask_server_pid(database.superuser_dsn()))
        say(answered=True)


def wait_for_input_or_signal() -> None:
    # A signal just before a blocking read would not be seen until the read ends: it writes into a pipe too.
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    select.select([sys.stdin, woken], [], [])


async def ask_server_pid(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return int((await connection.fetchval("SELECT pg_read_file('postmaster.pid')")).split()[0])
    finally:
        await connection.close()


def say(**what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
