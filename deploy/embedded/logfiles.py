"""The server's log files: one a start, more when it grows, few kept, whether it starts often or runs for years."""

import secrets
from pathlib import Path

from deploy.embedded.output import MAX_OUTPUT_BYTES
from deploy.embedded.processes import read_tail

KEPT_LOG_FILES = 5
"""Each of at most `LOG_FILE_KIB`, and what is written until the next look."""


def prune_and_name_log(folder: Path) -> str:
    """Remove old files, and give the pattern for the names of a new start, which no other start has."""
    prune_logs(folder, KEPT_LOG_FILES - 1)
    return f"postgres-%Y%m%d-%H%M%S-{secrets.token_hex(4)}.log"


def prune_logs(folder: Path, kept: int = KEPT_LOG_FILES) -> None:
    """Remove all files but those that were written to last: the running server's is one of them."""
    for old in sorted(folder.glob("postgres-*.log"), key=_last_written)[:-kept]:
        old.unlink(missing_ok=True)


def _last_written(path: Path) -> tuple[int, str]:
    # Not by name alone: that has the time of a clock that may have been set back since.
    try:
        return path.lstat().st_mtime_ns, path.name
    except FileNotFoundError:
        return 0, path.name  # another process removed it just now


def read_log(folder: Path, name: str) -> str:
    """The end of what the start that got this name has logged; empty if it came to nothing."""
    newest = max(folder.glob("postgres-*" + name[name.rindex("-") :]), default=None)
    return read_tail(newest, MAX_OUTPUT_BYTES) if newest else ""
