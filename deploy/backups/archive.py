"""The file of a backup: a plain tar, written from front to back, and checked as a whole before anything is done with it."""

import hashlib
import os
import tarfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from deploy.backups.contents import (
    DESCRIPTION,
    DUMP,
    MAX_DESCRIPTION_BYTES,
    MAX_MEMBERS,
    Description,
    MemberRecord,
    decode,
    encode,
    max_bytes,
    place_of,
)
from deploy.backups.errors import BackupError, DamagedBackup
from directory.secret_files import sync_folder

CHUNK_BYTES: Final = 1_048_576
FILE_MODE: Final = 0o600
_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FILES: Final = Path("/proc/self/fd")
OnBytes = Callable[[int], None]
"""Is told how many bytes more were done."""


@dataclass(slots=True)
class ArchiveWriter:
    """Writes the members of a backup, one after the other."""

    file: IO[bytes]
    when: int
    """The time of the members, in seconds."""
    members: dict[str, MemberRecord] = field(default_factory=dict)

    def add(self, name: str, chunks: Iterable[bytes]) -> None:
        """Writes a member, whose size is known at its end."""
        header = self.file.tell()
        self.file.write(bytes(tarfile.BLOCKSIZE))
        digest, size = hashlib.sha256(), 0
        for chunk in chunks:
            digest.update(chunk)
            size += self.file.write(chunk)
        self.file.write(bytes(-size % tarfile.BLOCKSIZE))
        end = self.file.tell()
        self.file.seek(header)
        self.file.write(self._header(name, size))
        self.file.seek(end)
        self.members[name] = MemberRecord(size, digest.hexdigest())

    def finish(self, description: Description) -> None:
        """Writes the description and the end of the file."""
        self.add(DESCRIPTION, [encode(description)])
        self.file.write(bytes(2 * tarfile.BLOCKSIZE))

    def _header(self, name: str, size: int) -> bytes:
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = size, FILE_MODE, self.when
        return member.tobuf(tarfile.GNU_FORMAT)


@contextmanager
def new_file(path: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """Opens a draft of mode 0600 in the folder of `path`, which it becomes at the end of the block; durable then. Where the block
    fails, nothing is left. Raises BackupError where `path` exists."""
    if os.path.lexists(path):
        raise BackupError(f"{path} exists already: name a new file")
    descriptor, draft = _open_draft(path)
    with os.fdopen(descriptor, "w+b") as file:
        try:
            os.fchmod(descriptor, FILE_MODE)  # whatever the umask
            yield file, draft
            file.flush()
            os.fsync(descriptor)
            _put(descriptor, draft, path)
        finally:
            if draft.parent != _OPEN_FILES:
                draft.unlink(missing_ok=True)
    sync_folder(path.absolute().parent)


def _open_draft(path: Path) -> tuple[int, Path]:
    """Opens a draft, and returns it with where it can be read. It has no name where the file system has such files: whoever
    kills us leaves no keys behind, and another run for the same name does not meet it."""
    with suppress(OSError, AttributeError):
        descriptor = os.open(path.absolute().parent, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, FILE_MODE)
        unnamed = _OPEN_FILES / str(descriptor)
        if unnamed.exists():
            return descriptor, unnamed
        os.close(descriptor)
    draft = path.absolute().with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)  # of a run that was killed
    return os.open(draft, _NEW, FILE_MODE), draft


def _put(descriptor: int, draft: Path, path: Path) -> None:
    # A link, not a rename: a file that was made meanwhile is not replaced.
    try:
        # With `src_dir_fd`, what has no name yet is found behind its place in /proc.
        os.link(draft, path, src_dir_fd=descriptor)
    except FileExistsError:
        raise BackupError(f"{path} exists already: name a new file") from None
    except OSError:  # file systems without links
        if draft.parent == _OPEN_FILES:
            raise
        draft.rename(path)


@dataclass(frozen=True, slots=True)
class Archive:
    """A backup that was checked: every member is there, as it was written, and none is anywhere else."""

    path: Path
    description: Description
    secrets: dict[str, dict[str, bytes]]
    """The secret files, by folder and name."""

    @property
    def dump_bytes(self) -> int:
        return self.description.members[DUMP].size

    def read_dump(self) -> Generator[bytes]:
        """Reads the dump of the database. Raises DamagedBackup at its end where it has changed since it was checked."""
        digest = hashlib.sha256()
        with _opened(self.path) as tar, _member_file(tar, tar.getmember(DUMP)) as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
                yield chunk
        if digest.hexdigest() != self.description.members[DUMP].sha256:
            raise DamagedBackup(self.path, "it has changed meanwhile")


def check_archive(path: Path, on_bytes: OnBytes) -> Archive:
    """Reads the whole file and checks it. Raises DamagedBackup, OSError; writes nothing."""
    reading = _Reading(path, on_bytes)
    try:
        with _opened(path) as tar:
            for member in tar:
                reading.take(tar, member)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise DamagedBackup(path, _why(error)) from error
    return reading.finish()


def _why(error: Exception) -> str:
    # The words of the tar module mean nothing to an operator.
    return "it is cut off or damaged" if isinstance(error, tarfile.TarError | EOFError) else str(error)


@dataclass(slots=True)
class _Reading:
    path: Path
    on_bytes: OnBytes
    found: dict[str, MemberRecord] = field(default_factory=dict)
    secrets: dict[str, dict[str, bytes]] = field(default_factory=dict)
    description: Description | None = None

    def take(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Checks the name and the kind of a member, and reads it. Raises ValueError."""
        _check_member(member)
        if member.name in self.found or self.description is not None or len(self.found) >= MAX_MEMBERS:
            raise ValueError(f"it has more members than it should, {_shown(member.name)} among them")
        digest, kept = hashlib.sha256(), bytearray()
        with _member_file(tar, member) as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
                self.on_bytes(len(chunk))
                if member.name != DUMP:
                    kept += chunk
        if member.name == DESCRIPTION:
            self.description = decode(bytes(kept))
            return
        self.found[member.name] = MemberRecord(member.size, digest.hexdigest())
        if (place := place_of(member.name)) is not None:
            self.secrets.setdefault(place[0], {})[place[1]] = bytes(kept)

    def finish(self) -> Archive:
        if self.description is None:
            raise DamagedBackup(self.path, "it is cut off")
        if DUMP not in self.found or self.found != self.description.members:
            raise DamagedBackup(self.path, "its members are not those that were written")
        return Archive(self.path, self.description, self.secrets)


def _check_member(member: tarfile.TarInfo) -> None:
    if member.type != tarfile.REGTYPE or member.pax_headers or member.issparse():
        raise ValueError(f"{_shown(member.name)} in it is no plain file")
    if member.name == DUMP:
        return
    place = place_of(member.name)
    if member.name != DESCRIPTION and place is None:
        raise ValueError(f"it holds {_shown(member.name)}, which is no part of a backup")
    limit = MAX_DESCRIPTION_BYTES if place is None else max_bytes(place[0])
    if member.size > limit:
        raise ValueError(f"{_shown(member.name)} in it is larger than {limit:,} bytes")


def _shown(name: str) -> str:
    return ascii(name[:100])


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
        yield tar


@contextmanager
def _member_file(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[IO[bytes]]:
    file = tar.extractfile(member)
    if file is None:
        raise ValueError(f"{_shown(member.name)} in it is no plain file")
    with file:
        yield file
