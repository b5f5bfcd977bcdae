"""Opens the sources of an archive: a ZIP, a folder on disk, or loose files.

Nothing is ever unpacked to disk, and no name from an archive is used as a path.
"""

import os
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from directory.archive.files import Catalogue, Member, classify, leads_outside
from directory.archive.limits import CHUNK_BYTES, MAX_FOLDER_ENTRIES, MAX_MEMBERS
from directory.archive.problems import ArchiveError, ArchiveProblem
from directory.archive.zip_directory import ZipEntry, read_zip_directory
from directory.archive.zip_member import check_entry, read_entry

_ZIP_MAGIC: Final = b"PK"


class LooseFile(NamedTuple):
    """One file of an archive as it was given: its name there, and its bytes."""

    name: str
    stream: BinaryIO


Source = str | Path | BinaryIO | list[LooseFile]
"""A path to a ZIP, a folder or one .js file; an open, seekable ZIP; or loose files."""

Report = Callable[[int], None]


def catalogue_of(source: Source, stack: ExitStack, *, max_zip_entries: int) -> Catalogue:
    """Lists the members of a source; `stack` closes what is opened here.

    Raises ArchiveError. OSError passes.
    """
    if isinstance(source, str | Path):
        return _catalogue_path(Path(source), stack, max_zip_entries)
    if isinstance(source, list):
        return _catalogue_loose(source, max_zip_entries)
    return _catalogue_zip(source, name_of(source), max_zip_entries)


def name_of(source: Source) -> str:
    """Names a source for messages."""
    if isinstance(source, str | Path):
        return Path(source).name or str(source)
    if isinstance(source, list):
        return source[0].name if source else ""
    name = getattr(source, "name", None)
    return Path(name).name if isinstance(name, str) else "archive.zip"


def _catalogue_path(path: Path, stack: ExitStack, max_zip_entries: int) -> Catalogue:
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise ArchiveError(ArchiveProblem.NOT_FOUND, str(path)) from error
    if stat.S_ISDIR(mode):
        return _catalogue_folder(path)
    if not stat.S_ISREG(mode):
        raise ArchiveError(ArchiveProblem.UNREADABLE, str(path))
    file = stack.enter_context(path.open("rb"))
    if path.suffix == ".js":
        return _catalogue_loose([LooseFile(path.name, file)], max_zip_entries)
    return _catalogue_zip(file, path.name, max_zip_entries)


def _catalogue_zip(file: BinaryIO, name: str, max_entries: int) -> Catalogue:
    """Lists the members of an open ZIP. Raises ArchiveError, also where its names lead outside."""
    catalogue = Catalogue(name)
    size = _size_of(file)
    for entry in read_zip_directory(file, size, name, max_entries=max_entries):
        if leads_outside(entry.path):
            raise ArchiveError(ArchiveProblem.UNSAFE_PATH, name)
        if (found := catalogue.wants(entry.path)) is None:
            continue
        check_entry(entry, size)

        def read(report: Report, entry: ZipEntry = entry) -> Iterator[bytes]:
            return read_entry(file, entry, report)

        catalogue.add(entry.path, Member(*found, entry.path, entry.compressed_bytes, read))
    return catalogue


def _catalogue_loose(files: list[LooseFile], max_zip_entries: int) -> Catalogue:
    if len(files) == 1 and (classify(files[0].name) is None) and _begins_as_zip(files[0].stream):
        return _catalogue_zip(files[0].stream, files[0].name, max_zip_entries)
    if len(files) > MAX_MEMBERS:
        raise ArchiveError(ArchiveProblem.ZIP_TOO_MANY_FILES, name_of(files))
    catalogue = Catalogue(name_of(files))
    for given_name, stream in files:
        name = given_name.replace("\\", "/").rpartition("/")[2]
        if (found := catalogue.wants(name)) is None:
            continue

        def read(report: Report, stream: BinaryIO = stream) -> Iterator[bytes]:
            return _stream_chunks(stream, report)

        catalogue.add(name, Member(*found, name, _size_of(stream), read))
    return catalogue


def _begins_as_zip(stream: BinaryIO) -> bool:
    stream.seek(0)
    return stream.read(2) == _ZIP_MAGIC


def _catalogue_folder(root: Path) -> Catalogue:
    catalogue = Catalogue(root.name or str(root))
    for relative in _paths_below(root):
        if (found := catalogue.wants(relative)) is None:
            continue
        path = root / relative
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ArchiveError(ArchiveProblem.UNREADABLE, relative)

        def read(report: Report, path: Path = path) -> Iterator[bytes]:
            return _path_chunks(path, report)

        catalogue.add(relative, Member(*found, relative, status.st_size, read))
    return catalogue


def _paths_below(root: Path) -> Iterator[str]:
    """Yields the files where an archive may keep its lists: here, one folder down, and in that one's `data`."""
    folders = yield from _files_in(root, "")
    for folder in folders:
        inner = yield from _files_in(root, f"{folder}/")
        if "data" in inner:
            yield from _files_in(root, f"{folder}/data/")


def _files_in(root: Path, prefix: str) -> Generator[str, None, list[str]]:
    """Yields the files of a folder. Returns its sub-folders."""
    folders: list[str] = []
    with os.scandir(root / prefix) as entries:
        for count, entry in enumerate(entries):
            if count >= MAX_FOLDER_ENTRIES:
                raise ArchiveError(ArchiveProblem.TOO_LARGE, root.name)
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            else:
                yield prefix + entry.name
    return sorted(folders)


def _path_chunks(path: Path, report: Report) -> Iterator[bytes]:
    with path.open("rb") as stream:
        yield from _stream_chunks(stream, report)


def _stream_chunks(stream: BinaryIO, report: Report) -> Iterator[bytes]:
    stream.seek(0)
    while chunk := stream.read(CHUNK_BYTES):
        report(len(chunk))
        yield chunk


def _size_of(stream: BinaryIO) -> int:
    stream.seek(0, os.SEEK_END)
    return stream.tell()
