"""Finds out why initdb or the server failed, from their output and from the state of the machine."""

import os

from deploy.embedded.binaries import Installation
from deploy.embedded.errors import BinariesMissing, DiskFull, EmbeddedError, from_output
from deploy.embedded.folders import Folders
from deploy.embedded.output import Output
from deploy.embedded.user import ServerUser

FULL_DISK_BYTES = 16 * 1024 * 1024  # one more piece of write-ahead log


def explain_failure(
    folders: Folders, user: ServerUser, installation: Installation, output: str = ""
) -> EmbeddedError:
    """Returns the error for a failure, with `output`, what was written, as its detail. Raises OSError."""
    error = from_output(output, folders.data)
    if type(error) is not EmbeddedError:
        return error
    disk = os.statvfs(folders.home)
    if disk.f_bavail * disk.f_frsize < FULL_DISK_BYTES:
        return DiskFull(folder=folders.data, detail=output)  # its log is on that disk too
    if not _can_run(installation, user):
        return BinariesMissing(detail=output)
    return error


def _can_run(installation: Installation, user: ServerUser) -> bool:
    try:
        with Output() as output:
            return user.run([installation.postgres, "--version"], output=output.file).returncode == 0
    except BinariesMissing:
        return False
