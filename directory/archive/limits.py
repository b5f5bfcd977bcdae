"""The limits of reading an archive. Whoever takes uploads may set lower ones."""

from dataclasses import dataclass
from typing import Final

KIB: Final = 2**10
MIB: Final = 2**20
GIB: Final = 2**30

MAX_ROWS_PER_LIST: Final = 1_000_000
MAX_PEOPLE: Final = 2_000_000
"""Distinct people on all lists together."""
MAX_LIST_BYTES: Final = 256 * MIB
"""One list with all its parts, decompressed: a row of X's is about 150 bytes."""
MAX_ABOUT_BYTES: Final = 4 * MIB
"""account.js and manifest.js, decompressed."""
MAX_TWEETS_BYTES: Final = 8 * GIB
"""tweets.js with all its parts, decompressed."""

MAX_ZIP_ENTRIES: Final = 2_000_000
MAX_ZIP_DIRECTORY_BYTES: Final = 512 * MIB
MAX_MEMBERS: Final = 1_000
"""Files taken from one archive, parts included."""
MAX_FOLDER_ENTRIES: Final = 100_000
"""Names read in one folder on disk."""
MAX_FOLDER_DEPTH: Final = 4
"""How far below a folder files are looked for: `folder/unpacked/twitter-…/data/following.js`."""
MAX_OFFSET_WRAPS: Final = 64
"""How often a 32-bit offset may have wrapped: ZIPs of up to 256 GiB."""

MAX_RATIO: Final = 200
"""Decompressed bytes to compressed bytes; a list of X's reaches about 20."""
RATIO_GRACE_BYTES: Final = 4 * MIB
"""Below this size the ratio does not matter."""

MAX_PREFIX_BYTES: Final = 256
"""What may stand before the `=`, BOM and spaces included."""
MAX_TOKEN_BYTES: Final = MIB
"""One text or number within the JSON, and one run of spaces."""
MAX_ROW_BYTES: Final = 64 * KIB
"""One person on a list."""
ROWS_FOR_ONE_BAD: Final = 100
"""Of so many rows one may be unreadable; a file with more of them is refused."""
MAX_DEPTH: Final = 64
MAX_MENTIONS_PER_TWEET: Final = 1_000
MAX_STRANGERS: Final = 200_000
"""Handles of people on no list, kept while reading to see whether a handle changed hands."""

CHUNK_BYTES: Final = 64 * KIB


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """The limits that depend on the reader: a shell reads more than a web form."""

    rows_per_list: int = MAX_ROWS_PER_LIST
    people: int = MAX_PEOPLE
    list_bytes: int = MAX_LIST_BYTES
    about_bytes: int = MAX_ABOUT_BYTES
    tweets_bytes: int = MAX_TWEETS_BYTES
    zip_entries: int = MAX_ZIP_ENTRIES
