"""Reads the archive that X sends, as a stream and within limits: only the lists of people and their names."""

from directory.archive.about import Owner
from directory.archive.limits import ReadLimits
from directory.archive.notices import NOTICE_SENTENCES, Notice
from directory.archive.problems import SENTENCES, ArchiveError, ArchiveProblem
from directory.archive.reader import Archive, Progress, Skipped, read_archive
from directory.archive.sources import LooseFile, Source

__all__ = [
    "NOTICE_SENTENCES",
    "SENTENCES",
    "Archive",
    "ArchiveError",
    "ArchiveProblem",
    "LooseFile",
    "Notice",
    "Owner",
    "Progress",
    "ReadLimits",
    "Skipped",
    "Source",
    "read_archive",
]
