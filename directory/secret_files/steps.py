"""The steps of a durable write. A crash between two of them leaves the former file or the new one, and a draft."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from directory.secret_files.checks import FILE_MODE

DRAFT: Final = ".{}.new"
PARENT_MODE: Final = 0o755
NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write_new(folder: int, name: str, content: bytes) -> None:
    """Writes a new file, which is on the disk before it is renamed or linked. Raises FileExistsError."""
    fd = os.open(name, NEW, FILE_MODE, dir_fd=folder)
    with os.fdopen(fd, "wb") as file:
        os.fchmod(fd, FILE_MODE)  # whatever the umask
        file.write(content)
        file.flush()
        os.fsync(fd)


@contextlib.contextmanager
def draft_of(folder: int, name: str, content: bytes) -> Iterator[str]:
    """Writes a draft beside the file; it is removed when the block ends."""
    draft = DRAFT.format(name)
    try:
        write_new(folder, draft, content)
        yield draft
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft, dir_fd=folder)


def put_in_place(folder: int, draft: str, name: str) -> None:
    """Renames the draft to the file, which replaces the former one."""
    os.replace(draft, name, src_dir_fd=folder, dst_dir_fd=folder)


def put_beside(folder: int, draft: str, name: str) -> None:
    """Links the draft as a new file. Raises FileExistsError where the file exists, even if it was made meanwhile."""
    os.link(draft, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)


def sync(folder: int) -> None:
    """Makes the names in a folder durable."""
    os.fsync(folder)


def sync_folder(path: Path) -> None:
    """Makes a rename in a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync(fd)
    finally:
        os.close(fd)


def remove_drafts(folder: int) -> None:
    """Removes the drafts of killed writers. The caller has locked out every other writer."""
    before, after = DRAFT.split("{}")
    for name in os.listdir(folder):
        if name.startswith(before) and name.endswith(after):
            os.unlink(name, dir_fd=folder)


def make_parents(path: Path) -> None:
    """Makes the missing folders above, of mode 0755 or less, even where the umask would let others write."""
    missing = [parent for parent in path.parents if not parent.exists()]
    for parent in reversed(missing):
        with contextlib.suppress(FileExistsError):
            parent.mkdir(mode=PARENT_MODE)


def take_place(draft: Path, path: Path) -> bool:
    """Renames a folder to `path`. Returns False where `path` is already a file or a folder that is not empty."""
    if _is_filled(path):
        return False
    try:
        draft.rename(path)
    except OSError:
        if _is_filled(path):
            return False
        raise
    sync_folder(path.parent)
    return True


def _is_filled(path: Path) -> bool:
    try:
        return any(path.iterdir())
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        return True
