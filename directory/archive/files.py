"""Recognises the files of an archive to read, by their names alone."""

import enum
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from directory.queries import Lists

MAX_PATH_CHARS: Final = 1_024


class Kind(enum.Enum):
    """The content of a file of an archive, by the word that its name begins with, in the order to read them.

    Whose archive it is comes first, and names come last, as they need the ids.
    """

    ACCOUNT = "account"
    MANIFEST = "manifest"
    FOLLOWING = "following"
    FOLLOWER = "follower"
    BLOCK = "block"
    MUTE = "mute"
    TWEETS = "tweets"


LIST_OF_KIND: Final = {
    Kind.FOLLOWING: Lists.FOLLOWING,
    Kind.FOLLOWER: Lists.FOLLOWER,
    Kind.BLOCK: Lists.BLOCK,
    Kind.MUTE: Lists.MUTE,
}

_KIND_OF_WORD: Final = {kind.value: kind for kind in Kind} | {"tweet": Kind.TWEETS}
# What systems add to a name: a number of a second download or copy, and `.txt`.
_WANTED = re.compile(
    r"(?:(following|follower|block|mute|tweets?)(?:-part([0-9]{1,6}))?|(account|manifest))"
    r"(?: ?\([0-9]{1,3}\)| -? ?copy)?\.js(?:on)?(?:\.txt)?",
    re.IGNORECASE | re.ASCII,
)
_LOOK_ALIKE = re.compile(
    r"(?:(?:follower|following)-requests?|smartblock-following|lists-[a-z-]+)(?:-part[0-9]+)?\.js",
    re.IGNORECASE | re.ASCII,
)
# "Grailbird", the CSV archive: tweets.csv beside data/js/tweets/2012_01.js
_CSV_ERA = re.compile(
    r"(?:.*/)?(?:tweets\.csv|data/csv/[^/]+|data/js/(?:tweets/[^/]+|[a-z]+_[a-z]+\.js))",
    re.IGNORECASE | re.ASCII,
)
_ZIP = re.compile(r".*\.zip(?:\.[0-9]{3})?", re.IGNORECASE | re.ASCII | re.DOTALL)
_DRIVE = re.compile(r"[A-Za-z]:")
_OF_A_MAC: Final = "__macosx"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file was found: the ZIP that it is in, empty for a loose one, and the folder in there."""

    source: str
    folder: str

    @property
    def is_data(self) -> bool:
        return _is_data(self.folder)


@dataclass(frozen=True, slots=True)
class Known:
    """What a path stands for."""

    kind: Kind
    part: int
    folder: str
    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """One file to read: `open` yields its bytes, decompressed, in chunks.

    `stored_bytes` is its size at the source; `open` reports its progress in the same unit. Two files with one
    `fingerprint` (size and checksum) are the same.
    """

    kind: Kind
    part: int
    name: str
    place: Place
    stored_bytes: int
    open: Callable[[Callable[[int], None]], Iterator[bytes]]
    fingerprint: Callable[[], tuple[int, int]]

    @property
    def is_list(self) -> bool:
        return self.kind in LIST_OF_KIND


def recognise(path: str) -> Known | None:
    """Returns what the file at `path` is, None for all that is not opened: other names, folders inside `data`, what
    a Mac adds, and paths that climb."""
    if len(path) > MAX_PATH_CHARS or "\0" in path or leads_outside(path) or path.endswith(("/", "\\")):
        return None
    *folders, name = _segments(path) or [""]
    match = _WANTED.fullmatch(name)
    lowered = [folder.lower() for folder in folders]
    if match is None or _OF_A_MAC in lowered or ("data" in lowered and lowered[-1] != "data"):
        return None
    return Known(_KIND_OF_WORD[(match[1] or match[3]).lower()], int(match[2] or 0), "/".join(folders), name)


def base_name(path: str) -> str:
    """Returns the last part of a path, written with either slash."""
    return (_segments(path) or [path])[-1]


def leads_outside(path: str) -> bool:
    """Tells whether unpacking `path` could write outside of the folder unpacked to."""
    slashed = path.replace("\\", "/")
    return slashed.startswith("/") or ".." in slashed.split("/") or _DRIVE.match(slashed) is not None


def is_look_alike(path: str) -> bool:
    """Tells whether a path ends in the name of another file of an archive that could be taken for a list."""
    return _LOOK_ALIKE.fullmatch(base_name(path)) is not None


def is_csv_era(path: str) -> bool:
    """Tells whether a path belongs to an archive as X made them before 2019."""
    return len(path) <= MAX_PATH_CHARS and _CSV_ERA.fullmatch(path.replace("\\", "/")) is not None


def is_zip_name(path: str) -> bool:
    """Tells whether a name promises a ZIP, other than what a Mac adds to one."""
    segments = _segments(path)
    is_of_a_mac = _OF_A_MAC in [segment.lower() for segment in segments[:-1]]
    return (
        bool(segments)
        and not is_of_a_mac
        and not segments[-1].startswith("._")
        and bool(_ZIP.fullmatch(path))
    )


def _is_data(folder: str) -> bool:
    return folder.rpartition("/")[2].lower() == "data"


def _segments(path: str) -> list[str]:
    """Returns the parts of a path, without the empty ones and those that mean "here"."""
    return [part for part in path.replace("\\", "/").split("/") if part not in {"", "."}]
