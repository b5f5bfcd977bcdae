"""Selects the files of an archive to read, by their names alone."""

import enum
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from directory.archive.limits import MAX_MEMBERS
from directory.archive.problems import ArchiveError, ArchiveProblem
from directory.queries import Lists


class Kind(enum.Enum):
    """The content of a file of an archive, by the word that its name begins with."""

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
_WANTED = re.compile(
    r"(following|follower|block|mute|tweets?)(?:-part([0-9]{1,6}))?\.js|(account|manifest)\.js"
)
_LOOK_ALIKE = re.compile(
    r"(?:follower-requests|following-requests|smartblock-following|lists-[a-z-]+)[^/]*\.js"
)
# "Grailbird", the CSV archive: tweets.csv beside data/js/tweets/2012_01.js
_CSV_ERA = re.compile(r"(?:[^/]+/)?(?:tweets\.csv|data/js/(?:tweet_index|payload_details|user_details)\.js)")
_NESTED_ZIP = re.compile(r"(?:[^/]+/)?[^/]+\.zip", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Member:
    """One file to read: `open` yields its bytes, decompressed, in chunks.

    `stored_bytes` is its size at the source; `open` reports its progress in the same unit.
    """

    kind: Kind
    part: int
    name: str
    stored_bytes: int
    open: Callable[[Callable[[int], None]], Iterator[bytes]]


def classify(name: str) -> tuple[Kind, int] | None:
    """Returns the kind and the part number of a file name without folder, None for all other files."""
    match = _WANTED.fullmatch(name)
    if match is None:
        return None
    return _KIND_OF_WORD[match[1] or match[3]], int(match[2] or 0)


def is_archive_folder(folder: str) -> bool:
    """Tells whether an archive keeps lists there: in `data/`, loose, or in either below one leading folder."""
    return folder.count("/") < 2 and (folder.count("/") == 0 or folder.endswith("/data"))


def leads_outside(path: str) -> bool:
    """Tells whether unpacking `path` could write outside of the folder unpacked to."""
    return path.startswith("/") or ".." in path.split("/") or _DRIVE.match(path) is not None


@dataclass(slots=True)
class Catalogue:
    """The members found at a source, and hints at what else it holds."""

    source: str
    skipped_files: int = 0
    _members: list[tuple[str, Member]] = field(default_factory=list)
    """Each with its folder."""
    _look_alike: str | None = None
    _is_csv_era: bool = False
    _holds_zip: bool = False

    def wants(self, path: str) -> tuple[Kind, int] | None:
        """Returns the kind and part of the file at `path`, None where it is not to be read. Notes what hints at a
        mistake."""
        folder, _, name = path.rpartition("/")
        found = classify(name)
        if found is not None and is_archive_folder(folder):
            return found
        if _LOOK_ALIKE.fullmatch(name):
            self.skipped_files += 1
            self._look_alike = self._look_alike or path
        elif _CSV_ERA.fullmatch(path):
            self._is_csv_era = True
        elif _NESTED_ZIP.fullmatch(path):
            self._holds_zip = True
        return None

    def add(self, path: str, member: Member) -> None:
        """Adds a file for which `wants` returned a kind. Raises ArchiveError where there are too many."""
        if len(self._members) == MAX_MEMBERS:
            raise ArchiveError(ArchiveProblem.ZIP_TOO_MANY_FILES, self.source)
        self._members.append((path.rpartition("/")[0], member))

    def members(self) -> list[Member]:
        """Lists the files of the one archive here, in the order to read them: names last, as they need the ids.

        Where a folder is called `data`, others do not count. Raises ArchiveError where no list of people is
        found, and where one is found twice: which of them is meant, we cannot know.
        """
        in_data = [(folder, member) for folder, member in self._members if _is_data(folder)]
        candidates = in_data or self._members
        folders = {folder for folder, member in candidates if member.kind in LIST_OF_KIND}
        if not folders:
            raise ArchiveError(*self._why_empty())
        chosen = [member for folder, member in candidates if folder in folders]
        if len(folders) > 1 or len({(member.kind, member.part) for member in chosen}) < len(chosen):
            raise ArchiveError(ArchiveProblem.SEVERAL_ARCHIVES, self.source)
        self.skipped_files += len(self._members) - len(chosen)
        order = list(Kind)
        return sorted(chosen, key=lambda member: (order.index(member.kind), member.part))

    def _why_empty(self) -> tuple[ArchiveProblem, str]:
        if self._is_csv_era:
            return ArchiveProblem.CSV_ERA, self.source
        if self._holds_zip:
            return ArchiveProblem.ZIP_NESTED, self.source
        if self._look_alike:
            return ArchiveProblem.LOOK_ALIKE, self._look_alike
        return ArchiveProblem.NO_FOLLOW_LIST, self.source


def _is_data(folder: str) -> bool:
    return folder == "data" or folder.endswith("/data")
