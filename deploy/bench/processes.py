"""Reads what processes take: memory with what they share counted once, and processor time."""

from collections.abc import Iterable
from pathlib import Path

import asyncpg
import psutil


def with_children(process: psutil.Process) -> list[psutil.Process]:
    """Returns a process and all that it started."""
    return [process, *process.children(recursive=True)]


def pss_bytes(processes: Iterable[psutil.Process], *, without_shared: bool = False) -> int:
    """Returns their proportional memory: what several map is shared out among them, so that their sum counts it once.

    `without_shared` leaves out what they share by a segment for it, as PostgreSQL does its pages. What has ended counts
    as nothing.
    """
    held = [_rollup_of(process.pid) for process in processes]
    return sum(each.get("Pss", 0) - (each.get("Pss_Shmem", 0) if without_shared else 0) for each in held)


def _rollup_of(pid: int) -> dict[str, int]:
    """Reads the sums of `/proc/<pid>/smaps_rollup`, in bytes."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    pairs = (line.partition(":") for line in lines if line.endswith(" kB"))
    return {name: int(value.split()[0]) * 1024 for name, _, value in pairs}


def cpu_s(processes: Iterable[psutil.Process]) -> float:
    """Returns the processor time that they have used, and those of their children that have ended."""
    seconds = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


async def database_server(dsn: str) -> psutil.Process | None:
    """Returns the process of the database server. Returns None where it is on another machine."""
    connection = await asyncpg.connect(dsn)
    try:
        backend = psutil.Process(await connection.fetchval("SELECT pg_backend_pid()"))
        return backend.parent() if backend.name().startswith("postgres") else None
    except psutil.NoSuchProcess:
        return None
    finally:
        await connection.close()
