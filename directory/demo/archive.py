"""Streams an invented X archive of any size to disk: `manifest.js`, the lists, `tweets.js`, pictures.

Durable and whole once `write_archive` returns: until then it has another name, and after an error
nothing is left of it.
"""

import errno
import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Final

from directory.demo.crowd import Cast
from directory.demo.files import (
    README,
    TWEET_BYTES,
    TweetWriter,
    account_file,
    decoy_file,
    list_file,
    manifest_file,
)
from directory.demo.plan import DECOY_NUMBER, MIB, OWNER_NUMBER, ArchivePlan
from directory.demo.problems import DemoError, DemoProblem
from directory.demo.world import World

TWEETS_PART_BYTES: Final = 512 * MIB
"""The size at which `tweets.js` goes on in another part."""
MEDIA_BLOCK_BYTES: Final = 4 * MIB
ROW_BYTES: Final = 150
"""About the size of a row of a list."""
ZIP64_FROM_BYTES: Final = 2**31 - MIB
"""A file that may grow beyond it has 64-bit sizes from the start: they cannot be added afterwards."""
_DECOYS: Final = {
    "follower-requests": "followerRequest",
    "following-requests": "followingRequest",
    "smartblock-following": "smartBlockFollowing",
    "lists-member": "listMember",
}
_DECOY_ROWS: Final = 20
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

Progress = Callable[[int, int], None]
"""Takes the bytes made so far and all bytes to make, before compression."""


@dataclass(frozen=True, slots=True)
class WrittenArchive:
    """A written archive, and how many of the followed are in the directory."""

    path: Path
    size_bytes: int
    known_follows: int


def write_archive(
    path: Path, plan: ArchivePlan | None = None, *, on_progress: Progress | None = None
) -> WrittenArchive:
    """Writes the archive, in place of a file of that name; the same plan gives the same bytes.

    Raises DemoError, and what `on_progress` raises to stop it; in both cases nothing is left behind.
    """
    plan = plan or ArchivePlan()
    plan.check()
    writing = _Writing(plan, on_progress)
    with _draft_of(path, writing.stored_bytes) as draft:
        with draft.open("wb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                writing.write(archive)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        size = path.stat().st_size
    return WrittenArchive(path, size, writing.cast.followed.known)


def check_archive(path: Path, plan: ArchivePlan) -> None:
    """Checks that `write_archive` can begin, before anything else is done. Raises DemoError."""
    plan.check()
    with _draft_of(path, _Writing(plan, None).stored_bytes) as draft:
        draft.touch()


@contextmanager
def _draft_of(path: Path, needed_bytes: int) -> Iterator[Path]:
    """Yields the path of a draft to write, which is removed at the end. Raises DemoError where the disk refuses."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if shutil.disk_usage(path.parent).free < needed_bytes:
            raise DemoError(DemoProblem.NO_ROOM, str(path))
        yield draft
    except OSError as error:
        no_room = error.errno in _NO_ROOM
        raise DemoError(DemoProblem.NO_ROOM if no_room else DemoProblem.CANNOT_WRITE, str(path)) from error
    finally:
        with suppress(OSError):
            draft.unlink()


@dataclass(frozen=True, slots=True)
class _Part:
    """One file of a list, and the number of its rows."""

    list_name: str
    number: int
    count: int

    @property
    def file(self) -> str:
        return f"data/{_part_name(self.list_name, self.number)}"


class _Writing:
    """One archive being written."""

    def __init__(self, plan: ArchivePlan, on_progress: Progress | None) -> None:
        self._plan = plan
        self._world = World(plan.seed)
        self.cast = Cast(self._world, plan.people_total, plan.counts, plan.known_share)
        self._on_progress = on_progress
        self._min_tweets = -(-self.cast.count_mentions() // 2)
        self._tweets_bytes = max(plan.tweets_bytes, self._min_tweets * TWEET_BYTES)
        self._text_bytes = sum(plan.counts) * ROW_BYTES + self._tweets_bytes
        self._total = self._text_bytes + plan.media_bytes
        self._done = 0

    @property
    def stored_bytes(self) -> int:
        """About the archive's size on disk: text shrinks to a tenth or so."""
        return self._plan.media_bytes + self._text_bytes // 10

    def write(self, archive: zipfile.ZipFile) -> None:
        """Writes every file once, in a fixed order."""
        owner = self._world.stranger(OWNER_NUMBER)
        x_id, handle = self._world.x_id(owner), self._world.handle(owner)
        made = self._plan.made
        parts = list(self._parts())
        self._add(archive, "Your archive.html", [b"<!doctype html>\n<title>Your archive</title>\n"])
        self._add(archive, "data/README.txt", [README.encode()])
        self._add(archive, "data/account.js", [account_file(x_id, handle, made - timedelta(days=4_000))])
        self._add(
            archive, "data/manifest.js", [manifest_file(x_id, handle, made, self._total, _listed(parts))]
        )
        # Before the lists, which in a large archive then lie beyond 4 GiB: readers must find them there too.
        self._add_media(archive)
        self._add_lists(archive, parts)
        self._add_decoys(archive)
        self._add_tweets(archive)
        self._tell(self._total)

    def _parts(self) -> Iterator[_Part]:
        for name, count in zip(self.cast.lists(), self._plan.counts, strict=True):
            parts = self._plan.parts if name in {"following", "follower"} else 1
            for number in range(parts):
                yield _Part(name, number, count * (number + 1) // parts - count * number // parts)

    def _add_lists(self, archive: zipfile.ZipFile, parts: Iterable[_Part]) -> None:
        slots = self.cast.lists()
        for part in parts:
            ids = map(self._world.x_id, islice(slots[part.list_name], part.count))
            rows = list_file(part.list_name, part.number, ids)
            self._add(archive, part.file, rows, expected_bytes=part.count * ROW_BYTES)

    def _add_decoys(self, archive: zipfile.ZipFile) -> None:
        for number, (name, key) in enumerate(_DECOYS.items()):
            first = DECOY_NUMBER + number * _DECOY_ROWS
            ids = [self._world.x_id(self._world.stranger(first + row)) for row in range(_DECOY_ROWS)]
            self._add(archive, f"data/{name}.js", [decoy_file(name, key, ids)])

    def _add_tweets(self, archive: zipfile.ZipFile) -> None:
        count = self._tweets_bytes // TWEET_BYTES
        writer = TweetWriter(self.cast.mentions(), self._plan.made, count=count, replies=self._min_tweets)
        min_tweets, left, part = self._min_tweets, self._plan.tweets_bytes, 0
        while part == 0 or left > 0:
            size = min(left, TWEETS_PART_BYTES)
            expected = max(size, min_tweets * TWEET_BYTES)
            file = f"data/{_part_name('tweets', part)}"
            self._add(archive, file, writer.file(part, size, min_tweets), expected_bytes=expected)
            left -= expected
            min_tweets, part = 0, part + 1

    def _add_media(self, archive: zipfile.ZipFile) -> None:
        """Adds pictures of noise, stored uncompressed as noise does not shrink."""
        noise = hashlib.shake_128(self._world.key).digest(MEDIA_BLOCK_BYTES)
        left, number = self._plan.media_bytes, 0
        while left:
            digest = hashlib.sha256(self._world.key + number.to_bytes(8, "big")).digest()
            start = int.from_bytes(digest[:3], "big") % (MEDIA_BLOCK_BYTES // 2)
            picture = memoryview(noise)[start : start + left]
            name = f"data/tweets_media/{int.from_bytes(digest[3:10], 'big')}-{digest.hex()[:15]}.jpg"
            self._add(archive, name, [picture], method=zipfile.ZIP_STORED)
            left -= len(picture)
            number += 1

    def _add(
        self,
        archive: zipfile.ZipFile,
        name: str,
        pieces: Iterable[bytes | memoryview],
        *,
        method: int = zipfile.ZIP_DEFLATED,
        expected_bytes: int = 0,
    ) -> None:
        info = zipfile.ZipInfo(name, self._plan.made.timetuple()[:6])
        info.compress_type = method
        info.external_attr = 0o644 << 16
        is_large = expected_bytes * 3 // 2 > ZIP64_FROM_BYTES
        with archive.open(info, "w", force_zip64=is_large) as file:
            for piece in pieces:
                file.write(piece)
                self._tell(self._done + len(piece))

    def _tell(self, done: int) -> None:
        self._done = min(done, self._total)
        if self._on_progress is not None:
            self._on_progress(self._done, self._total)


def _listed(parts: Iterable[_Part]) -> dict[str, list[tuple[str, str, int]]]:
    files: dict[str, list[tuple[str, str, int]]] = {}
    for part in parts:
        global_name = f"YTD.{part.list_name}.part{part.number}"
        files.setdefault(part.list_name, []).append((part.file, global_name, part.count))
    return files


def _part_name(name: str, number: int) -> str:
    return f"{name}-part{number}.js" if number else f"{name}.js"
