"""Reads archives that are sent as files, by browsers without our script."""

import asyncio
from collections.abc import Sequence
from typing import BinaryIO, Final, cast

from litestar.datastructures import UploadFile

from directory.archive import Archive, LooseFile, ReadLimits, read_archive
from directory.queries import MAX_MATCH_PAIRS
from directory.settings import Settings

UPLOAD_LIMITS: Final = ReadLimits(
    rows_per_list=MAX_MATCH_PAIRS, people=MAX_MATCH_PAIRS, tweets_bytes=512 * 2**20, list_bytes=64 * 2**20
)
"""What a form may cost: a ZIP of a few MB can unpack to a thousand times as much."""
FORM_OVERHEAD_BYTES: Final = 14_000_000
"""What a form carries beside uploads: people and ticks."""


def max_form_bytes(settings: Settings) -> int:
    """Returns how large a form with an archive in it may be."""
    return settings.upload_max_mb * 1_000_000 + FORM_OVERHEAD_BYTES


async def read_uploads(uploads: Sequence[UploadFile]) -> Archive | None:
    """Reads an archive that was sent as files. Returns None where none was. Raises ArchiveError. Nothing of it
    is kept."""
    if not uploads:
        return None
    files = [LooseFile(upload.filename, cast(BinaryIO, upload.file)) for upload in uploads]
    return await asyncio.to_thread(read_archive, files, limits=UPLOAD_LIMITS)
