"""The errors of backups; each text is the sentence for the operator."""

from directory.errors import DirectoryError


class BackupError(DirectoryError):
    """A backup cannot be made or restored. Nothing was changed, unless the sentence says so."""


class DamagedBackup(BackupError):
    """A file is no backup, or not as it was written."""

    def __init__(self, path: object, why: str) -> None:
        super().__init__(f"{path} is no whole backup: {why}. Nothing was changed")


class ProgramFailed(BackupError):
    """A program of PostgreSQL failed."""
