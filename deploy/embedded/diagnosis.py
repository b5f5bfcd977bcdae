"""Why initdb or the server gave up, told from what they wrote and from what can be seen."""

import os

from deploy.embedded.binaries import Installation
from deploy.embedded.errors import BinariesMissing, DiskFull, EmbeddedError, from_output
from deploy.embedded.folders import Folders
from deploy.embedded.output import MAX_OUTPUT_BYTES, Output
from deploy.embedded.processes import read_tail
from deploy.embedded.tuning import LOG_FILE_PATTERN
from deploy.embedded.user import ServerUser

FULL_DISK_BYTES = 16 * 1024 * 1024  # one more piece of write-ahead log


def explain_failure(
    folders: Folders, user: ServerUser, installation: Installation, output: str = ""
) -> EmbeddedError:
    """The named error, with the end of `output` and of the server's log as its detail. Raises OSError."""
    newest = max(folders.log.glob(LOG_FILE_PATTERN), default=None)
    log = read_tail(newest, MAX_OUTPUT_BYTES) if newest else ""
    detail = f"{output}\n{log}".strip()
    error = from_output(detail, folders.data)
    if type(error) is not EmbeddedError:
        return error
    disk = os.statvfs(folders.home)
    if disk.f_bavail * disk.f_frsize < FULL_DISK_BYTES:
        return DiskFull(folder=folders.data, detail=detail)  # its log is on that disk too
    if not _can_run(installation, user):
        return BinariesMissing(detail=detail)
    return error


def _can_run(installation: Installation, user: ServerUser) -> bool:
    try:
        with Output() as output:
            return user.run([installation.postgres, "--version"], output=output.file).returncode == 0
    except BinariesMissing:
        return False
