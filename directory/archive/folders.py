"""Walks a folder on disk for the files of an archive, within limits."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

from directory.archive.limits import MAX_FOLDER_DEPTH, MAX_FOLDER_ENTRIES
from directory.archive.problems import ArchiveError, ArchiveProblem

_MEDIA_END: Final = "_media"


def files_below(root: Path) -> Iterator[str]:
    """Yields the paths of files from `root` on, in the order of their names. Links to folders are not followed, and
    folders of pictures are left out.

    Raises ArchiveError(TOO_LARGE) where a folder holds too many. OSError passes.
    """
    yield from _below(root, "", MAX_FOLDER_DEPTH)


def _below(root: Path, prefix: str, depth: int) -> Iterator[str]:
    folders = yield from _files_in(root, prefix)
    for folder in folders if depth else []:
        yield from _below(root, f"{prefix}{folder}/", depth - 1)


def _files_in(root: Path, prefix: str) -> Generator[str, None, list[str]]:
    """Yields the files of a folder. Returns its sub-folders."""
    files: list[str] = []
    folders: list[str] = []
    with os.scandir(root / prefix) as entries:
        for count, entry in enumerate(entries):
            if count >= MAX_FOLDER_ENTRIES:
                raise ArchiveError(ArchiveProblem.TOO_LARGE, root.name)
            if not entry.is_dir(follow_symlinks=False):
                files.append(entry.name)
            elif not entry.name.endswith(_MEDIA_END) and not entry.name.startswith("."):
                folders.append(entry.name)
    for name in sorted(files):
        yield prefix + name
    return sorted(folders)
