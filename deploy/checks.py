"""The checks of `passerelle doctor`: each reports what it saw, and how to mend what is wrong."""

import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import asyncpg

from deploy.database import data_folder, running_database
from deploy.demo_check import look_at_demo
from deploy.embedded import EmbeddedError
from deploy.findings import Finding
from deploy.job_check import look_at_jobs
from deploy.log_check import look_at_daily_check, look_at_keys, look_at_log
from deploy.migrate import SchemaTooNew, pending_migrations
from deploy.ports import CannotListen, PortInUse, check_port_free
from deploy.replica_check import look_at_replicas
from deploy.secret_check import check_secret_files
from deploy.servers.choosing import ServerMissing, check_server, is_guarded
from deploy.text_check import check_texts
from deploy.vault_check import look_at_vault
from deploy.wiring.log import key_folder
from deploy.witness_check import look_at_witnesses
from directory.clock import SystemClock
from directory.settings import Role, Settings
from directory.store.database import DRIVER_TROUBLE, Connection
from federation.keys.instance import is_local

MIN_FREE_BYTES: Final = 1_000_000_000
MIN_POSTGRESQL: Final = 150_000
LOOK_TIMEOUT_S: Final = 60.0
"""For each statement: a lock that is held, or a server that hangs, is what the operator looks for."""
MAX_HEALTH_BYTES: Final = 65_536
"""Far more than the headers of any answer of ours, or of a proxy in front of it."""

Check = Callable[[Settings], Iterator[Finding]]


def check_machine(_: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", sys.version_info >= (3, 11), version, "Install Python 3.11 or newer.")


def check_data_folder(settings: Settings) -> Iterator[Finding]:
    folder = data_folder(settings)
    present = _nearest_present(folder)
    is_writable = present.is_dir() and os.access(present, os.W_OK | os.X_OK)
    mend = f"Make {present} a folder that this user may write, or set PASSERELLE_DATA to another folder."
    yield Finding("Data folder", is_writable, str(folder), mend)
    free = shutil.disk_usage(present).free
    yield Finding(
        "Free space",
        free >= MIN_FREE_BYTES,
        f"{free / 1e9:.1f} GB",
        "Make room: below 1 GB the database may have to stop.",
    )


def _nearest_present(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def check_address(settings: Settings) -> Iterator[Finding]:
    if Role.WEB in settings.roles:
        yield _look_at_port(settings)
        yield _look_at_server(settings)
    if is_local(settings):
        yield Finding("Public address", True, f"{settings.base_url}, for this machine only")
    else:
        mend = (
            "Set PASSERELLE_PUBLIC_URL to an https:// address, and let a reverse proxy hold the certificate."
        )
        yield Finding("Public address", settings.is_https, settings.base_url, mend)
        if Role.WEB in settings.roles and settings.is_https:
            yield _look_at_proxies(settings)


def _look_at_server(settings: Settings) -> Finding:
    try:
        check_server(settings)
    except ServerMissing as error:
        return Finding("Server", False, str(error), "Install the extra, or set PASSERELLE_SERVER=hypercorn.")
    processes = f", {settings.workers} processes" if settings.workers > 1 else ""
    if is_guarded(settings) or settings.trusted_proxies or is_local(settings):
        return Finding("Server", True, f"{settings.server}{processes}")
    seen = f"{settings.server}, which has no guard before it and bounds no connections of one address"
    return Finding(
        "Server", False, seen, "Put a proxy before it that does, or set PASSERELLE_SERVER=uvicorn."
    )


def _look_at_proxies(settings: Settings) -> Finding:
    """Something in front holds the certificate. Where it is not trusted, all callers seem to be one."""
    count = settings.trusted_proxies
    seen = (
        f"{count:,} trusted"
        if count
        else "none is trusted: everybody behind it shares the limits of one caller"
    )
    mend = "Set PASSERELLE_TRUSTED_PROXIES=1, or how many stand in front of each other."
    return Finding("Reverse proxy", count > 0, seen, mend)


def _look_at_port(settings: Settings) -> Finding:
    where = f"{settings.host}:{settings.port}"
    try:
        check_port_free(settings.host, settings.port)
    except PortInUse:
        if _answers(settings):
            return Finding("Address", True, f"{where}, an instance is running there")
        return Finding(
            "Address", False, f"{where} is taken", "Stop the other program, or set PASSERELLE_PORT."
        )
    except CannotListen as error:
        mend = (
            "Set PASSERELLE_HOST to an address of this machine, and PASSERELLE_PORT to a port from 1024 on."
        )
        return Finding("Address", False, f"it cannot listen on {error}", mend)
    return Finding("Address", True, f"{where} is free")


def check_recovery_key(settings: Settings) -> Iterator[Finding]:
    """Warns of a recovery key on this machine: whoever finds it beside the other keys can take over the log of
    a public instance."""
    with suppress(PermissionError):
        for path in key_folder(settings).list_recovery_keys():
            mend = f"Move {path} to a safe place off this machine."
            yield Finding("Recovery key", is_local(settings), "still on this machine", mend)


def _answers(settings: Settings) -> bool:
    try:
        with socket.create_connection((settings.host, settings.port), timeout=2) as connection:
            connection.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            answer = b""
            # Headers and body may come apart; the server closes after an answer to HTTP/1.0.
            while len(answer) < MAX_HEALTH_BYTES and (part := connection.recv(MAX_HEALTH_BYTES)):
                answer += part
            return answer.startswith(b"HTTP/1") and answer.rstrip().endswith(b"\r\n\r\nok")
    except OSError:
        return False


async def check_database(settings: Settings) -> list[Finding]:
    """Checks the database; starts the embedded server for the check if it does not run."""
    try:
        with running_database(settings) as dsn:
            connection = await asyncpg.connect(dsn, timeout=5, command_timeout=LOOK_TIMEOUT_S)
            try:
                findings = await _look_at(settings, connection)
            finally:
                await connection.close()
            return findings + await look_at_replicas(settings, dsn)
    except EmbeddedError as error:
        return [Finding("Database", False, str(error), error.detail or "See the sentence before.")]
    except TimeoutError:
        mend = (
            "Start the server, or look in pg_stat_activity for what holds it up: a lock, a migration, a disk."
        )
        return [Finding("Database", False, "it does not answer in time", mend)]
    except asyncpg.InsufficientPrivilegeError as error:
        mend = "Make the role of PASSERELLE_DATABASE_URL the owner of the database and of all that is in it."
        return [Finding("Database", False, f"it refuses this to our role: {error}", mend)]
    except (OSError, *DRIVER_TROUBLE) as error:
        mend = "Start the server, or mend the address in PASSERELLE_DATABASE_URL."
        return [Finding("Database", False, f"it does not answer: {error}", mend)]


async def _look_at(settings: Settings, connection: Connection) -> list[Finding]:
    number = int(await connection.fetchval("SHOW server_version_num"))
    version = str(await connection.fetchval("SHOW server_version"))
    findings = [
        Finding("PostgreSQL", number >= MIN_POSTGRESQL, version, "Passerelle needs PostgreSQL 15 or newer.")
    ]
    try:
        is_behind = await pending_migrations(connection)
    except SchemaTooNew as error:
        mend = "Install the newer Passerelle again, or restore a backup from before it."
        findings.append(Finding("Schema", False, str(error), mend))
    else:
        findings.append(
            Finding("Schema", True, "is brought up to date at the next start" if is_behind else "current")
        )
        if not is_behind:
            findings.append(await look_at_vault(settings, connection))
            findings.append(await look_at_log(settings, connection))
            findings.append(await look_at_keys(connection, SystemClock().now()))
            findings.append(await look_at_daily_check(connection, SystemClock().now()))
            findings.append(await look_at_jobs(connection))
            findings += await look_at_witnesses(settings, connection, SystemClock().now())
            findings += await look_at_demo(settings, connection)
    return findings


LOCAL_CHECKS: Final[tuple[Check, ...]] = (
    check_machine,
    check_data_folder,
    check_secret_files,
    check_address,
    check_recovery_key,
    check_texts,
)
