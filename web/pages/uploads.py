"""Reads archives that are sent as files, by browsers without our script."""

import asyncio
from collections.abc import Sequence
from itertools import chain
from typing import BinaryIO, Final, cast

import msgspec

from directory.archive import (
    NOTICE_SENTENCES,
    Archive,
    ArchiveError,
    ArchiveProblem,
    LooseFile,
    Notice,
    ReadLimits,
    read_archive,
)
from directory.packed.queries import PackedQueries
from directory.queries import MAX_MATCH_PAIRS, Query
from directory.settings import Settings
from directory.texts import filled
from web.language import translate
from web.pages.results_form import ResultsForm

MAX_PORTIONS: Final = 5
"""Of MAX_MATCH_PAIRS people each: so many are read, and looked up one portion at a time."""
UPLOAD_LIMITS: Final = ReadLimits(
    rows_per_list=MAX_PORTIONS * MAX_MATCH_PAIRS,
    people=MAX_PORTIONS * MAX_MATCH_PAIRS,
    tweets_bytes=512 * 2**20,
    list_bytes=128 * 2**20,
)
"""What a form may cost: a ZIP of a few MB can unpack to a thousand times as much."""
FORM_OVERHEAD_BYTES: Final = 14_000_000
"""What a form carries beside uploads: people and ticks."""


def max_form_bytes(settings: Settings) -> int:
    """Returns how large a form with an archive in it may be."""
    return settings.upload_max_mb * 1_000_000 + FORM_OVERHEAD_BYTES


class Portion(msgspec.Struct, frozen=True):
    """The people of an archive that are looked up at once: `start` to `end` of `total`, counted from 1."""

    people: list[Query]
    start: int
    end: int
    total: int
    number: int

    @property
    def is_last(self) -> bool:
        return self.end == self.total


def portion_of(archive: Archive, number: int) -> Portion:
    """Returns a portion of the people, the last one where `number` is beyond it."""
    total = len(archive.people)
    number = min(number, max(1, -(-total // MAX_MATCH_PAIRS)))
    start = (number - 1) * MAX_MATCH_PAIRS
    people = archive.people[start : start + MAX_MATCH_PAIRS]
    return Portion(people, start + 1, start + len(people), total, number)


async def read_sent(form: ResultsForm) -> Archive | None:
    """Reads the archive that was sent as files. Nothing of it is kept.

    Returns None for a form without a field for files. Raises ArchiveError, also where no file was chosen.
    """
    if not form.uploads and not form.has_files:
        return None
    files = [LooseFile(upload.filename, cast(BinaryIO, upload.file)) for upload in form.uploads]
    return await asyncio.to_thread(read_archive, files, limits=UPLOAD_LIMITS)


class Sent(msgspec.Struct, frozen=True):
    """The people of a form and of the archive in it, and what whoever sent them should know of that archive."""

    people: Sequence[Query]
    notices: list[str]


async def read_people(form: ResultsForm, language: str) -> Sent:
    """Reads all people of a form and of the archive in it.

    Raises ArchiveError, also where they are more than one portion: what is not looked up portion by portion takes no more.
    """
    read = await read_sent(form)
    if read is None:
        return Sent(form.queries, [])
    if len(read.people) > MAX_MATCH_PAIRS:
        raise ArchiveError(ArchiveProblem.TOO_MANY_ROWS, form.uploads[0].filename)
    people = PackedQueries(chain(form.queries, read.people))
    return Sent(people, notices_of(read, language))


def notices_of(read: Archive, language: str) -> list[str]:
    """Returns what a person should know about an archive beside its people; one without people has texts of its own."""
    return [
        filled(translate(language, sentence), read.notice_values)
        for notice, sentence in NOTICE_SENTENCES.items()
        if notice in read.notices - {Notice.NOBODY}
    ]
