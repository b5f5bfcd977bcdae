"""Opens all that is given together as an archive: ZIPs, folders on disk, and loose files.

Nothing is ever unpacked to disk, and no name from an archive is used as a path.
"""

import os
import stat
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from directory.archive.choose import Choice, choose_members
from directory.archive.files import (
    Known,
    Member,
    Place,
    base_name,
    is_csv_era,
    is_look_alike,
    is_zip_name,
    leads_outside,
    recognise,
)
from directory.archive.folders import files_below
from directory.archive.limits import CHUNK_BYTES
from directory.archive.problems import ArchiveError, ArchiveProblem
from directory.archive.sniff import SNIFFED_BYTES, problem_of_file
from directory.archive.zip_directory import ZipEntry, ends_as_zip, read_zip_directory
from directory.archive.zip_member import read_entry

_ZIP_MAGIC: Final = b"PK"
_LOOSE: Final = ""
# Files that are no archive, and whose names promise none.
_TEXT_SUFFIXES: Final = (".js", ".json", ".csv", ".txt")

_HINTS: Final = (ArchiveProblem.CSV_ERA, ArchiveProblem.ZIP_NESTED, ArchiveProblem.LOOK_ALIKE)


class LooseFile(NamedTuple):
    """One file as it was given: its name there, and its bytes."""

    name: str
    stream: BinaryIO


Source = str | Path | BinaryIO | list[LooseFile] | list[Path]
"""A path to a ZIP, a folder or one file; an open, seekable ZIP; or several of them together."""

Report = Callable[[int], None]
Opener = Callable[[Report], Iterator[bytes]]


def choose_from(source: Source, stack: ExitStack, *, max_zip_entries: int) -> Choice:
    """Chooses the files to read of a source; `stack` closes what is opened here.

    Raises ArchiveError. OSError passes.
    """
    opening = _Opening(stack, max_zip_entries)
    given = _as_given(source)
    for each in given:
        opening.give(each)
    if not any(member.is_list for member in opening.members):
        raise opening.why_empty(name_of(source))
    choice = choose_members(opening.members)
    return Choice(choice.members, [*opening.left_out, *choice.left_out], choice.conflict)


def name_of(source: Source) -> str:
    """Names a source for messages."""
    if isinstance(source, str | Path):
        return Path(source).name or str(source)
    if isinstance(source, list):
        return base_name(source[0].name) if source else ""
    name = getattr(source, "name", None)
    return Path(name).name if isinstance(name, str) else "archive.zip"


def _as_given(source: Source) -> Sequence[LooseFile | Path]:
    if isinstance(source, str | Path):
        return [Path(source)]
    if isinstance(source, list):
        if not source:
            raise ArchiveError(ArchiveProblem.NOTHING_CHOSEN, "")
        return source
    return [LooseFile(name_of(source), source)]


class _Opening:
    """What was found so far, and what else it may be."""

    def __init__(self, stack: ExitStack, max_zip_entries: int) -> None:
        self._stack = stack
        self._max_zip_entries = max_zip_entries
        self.members: list[Member] = []
        self.left_out: list[str] = []
        self._hints: list[ArchiveError] = []
        """What else these files may be, the most telling first."""
        self._stranger: tuple[str, BinaryIO] | None = None

    def give(self, given: LooseFile | Path) -> None:
        """Takes a file or a folder that somebody chose by itself."""
        if isinstance(given, LooseFile):
            self._take(base_name(given.name), given.stream)
            return
        mode = _mode_of(given)
        if stat.S_ISDIR(mode):
            self._take_folder(given)
        elif stat.S_ISREG(mode):
            self._take(given.name, self._stack.enter_context(given.open("rb")))
        else:
            raise ArchiveError(ArchiveProblem.UNREADABLE, str(given))

    def why_empty(self, name: str) -> ArchiveError:
        if self._hints:
            return self._hints[0]
        if self._stranger is None:
            return ArchiveError(ArchiveProblem.NO_FOLLOW_LIST, name)
        stranger, stream = self._stranger
        return ArchiveError(problem_of_file(_head_of(stream), stranger), stranger)

    def _take(self, name: str, stream: BinaryIO) -> None:
        if (known := recognise(name)) is not None:
            self._add(known, _LOOSE, _size_of(stream), lambda report: _stream_chunks(stream, report))
        elif is_zip_name(name) or _looks_as_zip(name, stream):
            self._take_zip(name, stream, str(len(self.members)) + name)
        else:
            self._take_other(name, stream)

    def _take_other(self, name: str, stream: BinaryIO) -> None:
        self.left_out.append(name)
        if is_csv_era(name):
            self._hint(ArchiveProblem.CSV_ERA, name)
        elif is_look_alike(name):
            self._hint(ArchiveProblem.LOOK_ALIKE, name)
        elif not name.lower().endswith(_TEXT_SUFFIXES):
            self._stranger = self._stranger or (name, stream)

    def _take_folder(self, root: Path) -> None:
        """Takes what a folder holds of an archive. A ZIP that merely lies there need not be the archive."""
        for relative in files_below(root):
            path = root / relative
            if (known := recognise(relative)) is not None:
                self._add(known, _LOOSE, _regular_size(path), _opener_of(path))
            elif is_zip_name(relative):
                try:
                    _regular_size(path)
                    self._take_zip(path.name, self._stack.enter_context(path.open("rb")), relative)
                except ArchiveError as error:
                    self._hints.append(error)
                    self.left_out.append(path.name)
            elif is_csv_era(relative):
                self._hint(ArchiveProblem.CSV_ERA, path.name)
            elif is_look_alike(relative):
                self._hint(ArchiveProblem.LOOK_ALIKE, path.name)

    def _take_zip(self, name: str, file: BinaryIO, source: str) -> None:
        """Takes the files of a ZIP. Raises ArchiveError, also where its names lead outside."""
        size = _size_of(file)
        if not ends_as_zip(file, size):
            raise ArchiveError(problem_of_file(_head_of(file), name), name)
        hints: dict[ArchiveProblem, str] = {}
        members: list[Member] = []
        for entry in read_zip_directory(file, size, name, max_entries=self._max_zip_entries):
            if leads_outside(entry.path):
                raise ArchiveError(ArchiveProblem.UNSAFE_PATH, name)
            if (known := recognise(entry.path)) is not None:
                members.append(_zipped(file, size, entry, known, source))
            else:
                _note_hint(hints, entry.path, name)
        self.members += members
        if not members:
            self.left_out.append(name)
            self._hints += [ArchiveError(code, hints[code]) for code in _HINTS if code in hints]

    def _add(self, known: Known, source: str, size: int, opener: Opener) -> None:
        place = Place(source, known.folder)
        self.members.append(
            Member(known.kind, known.part, known.name, place, size, opener, lambda: _fingerprint_of(opener))
        )

    def _hint(self, code: ArchiveProblem, name: str) -> None:
        self._hints.append(ArchiveError(code, name))


def _note_hint(hints: dict[ArchiveProblem, str], path: str, name: str) -> None:
    """Notes what else the ZIP `name` may be that holds `path`."""
    if is_zip_name(path):
        hints[ArchiveProblem.ZIP_NESTED] = name
    elif is_csv_era(path):
        hints[ArchiveProblem.CSV_ERA] = name
    elif is_look_alike(path):
        hints.setdefault(ArchiveProblem.LOOK_ALIKE, base_name(path))


def _zipped(file: BinaryIO, size: int, entry: ZipEntry, known: Known, source: str) -> Member:
    return Member(
        known.kind,
        known.part,
        known.name,
        Place(source, known.folder),
        entry.compressed_bytes,
        lambda report: read_entry(file, size, entry, known.name, report),
        lambda: (entry.decompressed_bytes, entry.crc),
    )


def _fingerprint_of(opener: Opener) -> tuple[int, int]:
    size = crc = 0
    for chunk in opener(lambda _: None):
        size += len(chunk)
        crc = zlib.crc32(chunk, crc)
    return size, crc


def _mode_of(path: Path) -> int:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise ArchiveError(ArchiveProblem.NOT_FOUND, str(path)) from error


def _regular_size(path: Path) -> int:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ArchiveError(ArchiveProblem.UNREADABLE, path.name)
    return status.st_size


def _looks_as_zip(name: str, stream: BinaryIO) -> bool:
    if name.lower().endswith(_TEXT_SUFFIXES):
        return False
    return _head_of(stream).startswith(_ZIP_MAGIC) or ends_as_zip(stream, _size_of(stream))


def _head_of(stream: BinaryIO) -> bytes:
    stream.seek(0)
    return stream.read(SNIFFED_BYTES)


def _opener_of(path: Path) -> Opener:
    def chunks(report: Report) -> Iterator[bytes]:
        with path.open("rb") as stream:
            yield from _stream_chunks(stream, report)

    return chunks


def _stream_chunks(stream: BinaryIO, report: Report) -> Iterator[bytes]:
    stream.seek(0)
    while chunk := stream.read(CHUNK_BYTES):
        report(len(chunk))
        yield chunk


def _size_of(stream: BinaryIO) -> int:
    stream.seek(0, os.SEEK_END)
    return stream.tell()
