"""Names and prunes the server's log files: one a start, more when it grows, and only the last few are kept."""

import secrets
from pathlib import Path

from deploy.embedded.output import MAX_OUTPUT_BYTES
from deploy.embedded.processes import read_tail

KEPT_LOG_FILES = 5
"""Each has at most `LOG_FILE_KIB`; more files may be written until the next pruning."""


def prune_and_name_log(folder: Path) -> str:
    """Removes old files. Returns the pattern for the file names of a new start, unique to it."""
    prune_logs(folder, KEPT_LOG_FILES - 1)
    return f"postgres-%Y%m%d-%H%M%S-{secrets.token_hex(4)}.log"


def prune_logs(folder: Path, kept: int = KEPT_LOG_FILES) -> None:
    """Removes all files but those written to last, among them the running server's."""
    for old in sorted(folder.glob("postgres-*.log"), key=_last_written)[:-kept]:
        old.unlink(missing_ok=True)


def _last_written(path: Path) -> tuple[int, str]:
    # Not by name alone: it has the time of a clock that may have been set back since.
    try:
        return path.lstat().st_mtime_ns, path.name
    except FileNotFoundError:
        return 0, path.name  # another process removed it just now


def read_log(folder: Path, name: str) -> str:
    """Reads the end of the log of the start with this name; empty where it logged nothing."""
    newest = max(folder.glob("postgres-*" + name[name.rindex("-") :]), default=None)
    return read_tail(newest, MAX_OUTPUT_BYTES) if newest else ""
