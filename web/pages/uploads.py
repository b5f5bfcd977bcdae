"""Reads archives that are sent as files, by browsers without our script."""

import asyncio
from collections.abc import Sequence
from itertools import chain, islice
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
    """The people of an archive that are looked up at once: `start` to `end` of `total`, counted from 1, and those whom its owner
    blocked or muted: their accounts are refused whoever leads there, in each portion."""

    people: list[Query]
    start: int
    end: int
    total: int
    number: int

    @property
    def is_last(self) -> bool:
        return self.end == self.total


def portion_of(archive: Archive, number: int) -> Portion:
    """Returns a portion of the people, the last one where `number` is beyond it.

    Half of a portion is for those who are refused, and stand elsewhere: where there are more, the first of them.
    """
    total = len(archive.people)
    refused = _places_of_refused(archive) if total > MAX_MATCH_PAIRS else []
    size = MAX_MATCH_PAIRS - len(refused)
    number = min(number, max(1, -(-total // size)))
    start = (number - 1) * size
    people = archive.people[start : start + size]
    end = start + len(people)
    beside = [archive.people[place] for place in refused if not start <= place < end]
    return Portion(people + beside, start + 1, end, total, number)


def _places_of_refused(archive: Archive) -> list[int]:
    places = (place for place, query in enumerate(archive.people) if query.lists.is_refused)
    return list(islice(places, MAX_MATCH_PAIRS // 2))


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
