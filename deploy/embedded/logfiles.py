"""The server's log files: one a start, more when it grows, few kept."""

import secrets
from pathlib import Path

from deploy.embedded.output import MAX_OUTPUT_BYTES
from deploy.embedded.processes import read_tail

KEPT_LOG_FILES = 5


def prune_and_name_log(folder: Path) -> str:
    """Remove old files, and give the pattern for the names of a new start, which no other start has."""
    for old in sorted(folder.glob("postgres-*.log"))[: -(KEPT_LOG_FILES - 1)]:
        old.unlink(missing_ok=True)
    return f"postgres-%Y%m%d-%H%M%S-{secrets.token_hex(4)}.log"


def read_log(folder: Path, name: str) -> str:
    """The end of what the start that got this name has logged; empty if it came to nothing."""
    newest = max(folder.glob("postgres-*" + name[name.rindex("-") :]), default=None)
    return read_tail(newest, MAX_OUTPUT_BYTES) if newest else ""
