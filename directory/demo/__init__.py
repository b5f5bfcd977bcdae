"""Synthetic people and archives for `passerelle demo`: the same from the same seed, marked, about no real person."""

from directory.demo.archive import WrittenArchive, check_archive, write_archive
from directory.demo.people import DEMO_ORIGINS, demo_rows
from directory.demo.plan import ArchivePlan
from directory.demo.problems import SENTENCES, DemoError, DemoProblem
from directory.demo.world import MAX_PEOPLE, World

__all__ = [
    "DEMO_ORIGINS",
    "MAX_PEOPLE",
    "SENTENCES",
    "ArchivePlan",
    "DemoError",
    "DemoProblem",
    "World",
    "WrittenArchive",
    "check_archive",
    "demo_rows",
    "write_archive",
]
