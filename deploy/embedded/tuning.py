"""Makes the server's settings for a small machine, given on its command line at each start."""

from pathlib import Path

import psutil

_MIB = 1024 * 1024
MIN_SHARED_BUFFERS_MIB = 128
MAX_SHARED_BUFFERS_MIB = 1024
_SMALL = {
    "wal_buffers": "1MB",  # the server's own 4 MB are all touched in turn, and neither copies nor small writes are faster with them
    "io_method": "sync",  # what is read is in memory: the processes that read for others, and the places for them, are 2 MB
}
_LARGE = {"wal_buffers": "-1", "io_method": "worker"}
"""The server's own values."""
GROWTH = 2
"""Room for so many times what is stored at the start."""
MIN_MAINTENANCE_MIB = 64
MAX_MAINTENANCE_MIB = 512
MAX_CONNECTIONS = 100
LOG_FILE_KIB = 10 * 1024
_CGROUPS = Path("/sys/fs/cgroup")
_CGROUP_V1_LIMIT = _CGROUPS / "memory/memory.limit_in_bytes"


def server_settings(memory_bytes: int, stored_bytes: int) -> dict[str, str]:
    """Makes the settings for a machine, or a container, with so much memory, and a cluster of that size. The server logs
    no queries.

    The share of memory follows what is stored: that of a large one costs 30 MB before anything is in it. One that has
    grown gets more at its next start; until then the system keeps its pages.

    Whoever sends a statement gets its error: the log holds what concerns the server (level `log` and
    above), without statements, their parameters or the rows that they were about.
    """
    memory_mib = memory_bytes // _MIB
    useful = min(memory_mib // 4, GROWTH * stored_bytes // _MIB)
    shared = _between(MIN_SHARED_BUFFERS_MIB, useful, MAX_SHARED_BUFFERS_MIB)
    maintenance = _between(MIN_MAINTENANCE_MIB, memory_mib // 16, MAX_MAINTENANCE_MIB)
    return {
        "shared_buffers": f"{shared}MB",
        "effective_cache_size": f"{max(shared, memory_mib // 2)}MB",
        "maintenance_work_mem": f"{maintenance}MB",
        "work_mem": "16MB",
        "max_connections": str(MAX_CONNECTIONS),
        "io_max_concurrency": "16",  # as much as a query asks for; each process that may be takes room for its own
        "max_logical_replication_workers": "0",  # a process that nothing here needs
        "max_pred_locks_per_transaction": "10",  # the least: no transaction is serializable, and room for 64 takes 2 MB
        "autovacuum_worker_slots": "3",  # as many as may run: each has places in every table, 13 more take 0.7 MB
        "max_wal_size": "4GB",
        "wal_recycle": "off",  # a recycled file holds what was erased until it is overwritten
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "jit": "off",
        "fsync": "on",
        "synchronous_commit": "on",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        "logging_collector": "on",
        "log_destination": "stderr",
        "log_file_mode": "0600",
        "log_rotation_size": f"{LOG_FILE_KIB}kB",
        "log_rotation_age": "0",
        "log_line_prefix": "%m [%p] ",
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_statement": "none",
        "log_min_duration_statement": "-1",
        "log_parameter_max_length_on_error": "0",
        "log_connections": "",
        "log_checkpoints": "off",
        "log_autovacuum_min_duration": "-1",
        **(_SMALL if shared == MIN_SHARED_BUFFERS_MIB else _LARGE),
    }


def stored_bytes(cluster: Path) -> int:
    """Returns how much the databases of a cluster hold, 0 where there is none yet."""
    return sum(_size_of(path) for path in cluster.glob("base/*/*"))


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def memory_bytes() -> int:
    """Returns the memory of this machine, or what its container may use, whichever is less."""
    return min([int(psutil.virtual_memory().total), *_cgroup_limits()])


def _cgroup_limits() -> list[int]:
    limits = [_read_limit(_CGROUP_V1_LIMIT)]
    for line in _read("/proc/self/cgroup").splitlines():
        if line.startswith("0::/"):
            ours = _CGROUPS / line[4:]
            limits += [_read_limit(folder / "memory.max") for folder in (ours, *ours.parents)]
    return [limit for limit in limits if limit is not None]


def _read_limit(path: Path) -> int | None:
    text = _read(path).strip()
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else None


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _between(least: int, wanted: int, most: int) -> int:
    return max(least, min(wanted, most))
