"""Makes the folders with the modes that they need, and uses none that belongs to another user."""

import contextlib
import errno
import hashlib
import os
import pwd
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.errors import (
    FolderClosed,
    FolderOfAnotherUser,
    FolderUnusable,
    NotADatabase,
    SocketTaken,
)
from deploy.embedded.user import ServerUser

PUBLIC_DATA_DIR = Path("/var/lib/passerelle")
MAX_SOCKET_PATH_BYTES = 103  # what macOS takes; Linux takes 107
SOCKET_PORT = 5432
_SOCKET_NAME = f".s.PGSQL.{SOCKET_PORT}"
# PostgreSQL and its clients split lists of socket folders at commas and more: only plain names are used.
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9._/+~=-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Folders:
    """The paths below one data folder."""

    data: Path

    @property
    def locks(self) -> Path:
        return self.data / "locks"

    @property
    def home(self) -> Path:
        """Everything that the server writes; the server's user owns it, and no other may enter it."""
        return self.data / "postgres"

    @property
    def cluster(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def tag(self) -> str:
        """A short name, unique to this data folder."""
        return hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]

    @property
    def title(self) -> str:
        """The name of the server's processes in the list of processes."""
        return f"passerelle-{self.tag}"


def default_data_dir(checkout: Path) -> Path:
    """Returns `var` in the checkout; as root `/var/lib/passerelle` where the server's user could not reach that."""
    inside = checkout.absolute() / "var"
    if os.geteuid() == 0 and not all(_is_public(folder) for folder in (inside, *inside.resolve().parents)):
        return PUBLIC_DATA_DIR
    return inside


def prepare(folders: Folders, user: ServerUser) -> None:
    """Makes the missing folders. Raises OSError and EmbeddedError.

    Existing folders keep their modes, but for the server's own, which is made private.
    """
    _refuse_another_users(folders.home, user)
    if user.is_other:
        _refuse_closed(folders.data, user)  # before anything is made there
    _make_folders(folders.data, 0o711 if user.is_other else 0o700)
    _make_folders(folders.locks, 0o700)
    if not _make_own(folders.home, user):
        raise NotADatabase(folder=folders.home)


def choose_socket_dir(folders: Folders, user: ServerUser) -> Path:
    """Chooses where the server listens: beside its data, or in a short private folder where that path is too long.

    Raises OSError and EmbeddedError.
    """
    if _can_hold_socket(folders.home):
        return folders.home
    runtime = _runtime_dir(user) / f"passerelle-{user.uid}-{folders.tag}"
    if not _can_hold_socket(runtime):
        raise FolderUnusable(
            folder=folders.data, why="its path is too long, and so is that of temporary files"
        )
    if not _make_own(runtime, user):
        raise SocketTaken(folder=runtime)
    return runtime


def _runtime_dir(user: ServerUser) -> Path:
    if user.is_other:
        return Path("/tmp")  # noqa: S108 -- root's own TMPDIR may be private; the folder's owner is checked
    given = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    return given if given.is_absolute() and given.is_dir() else Path(tempfile.gettempdir())


def _can_hold_socket(folder: Path) -> bool:
    length = len(os.fsencode(folder / _SOCKET_NAME))
    return length <= MAX_SOCKET_PATH_BYTES and _PLAIN_PATH.fullmatch(str(folder)) is not None


def _make_folders(folder: Path, mode: int) -> None:
    """Makes a folder and what is missing above it, whatever the umask."""
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    for path in reversed(missing):
        try:
            path.mkdir()
        except FileExistsError:
            continue
        path.chmod(mode if path == folder else 0o755)


def _make_own(folder: Path, user: ServerUser) -> bool:
    """Makes a private folder of the server's user. Returns False where something of another user is in its place.

    Raises OSError.
    """
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    # By descriptor, so that the folder that was checked is the one that is changed.
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (NotADirectoryError, PermissionError):
        return False
    except OSError as error:
        if error.errno == errno.ELOOP:
            return False
        raise
    try:
        found = os.fstat(fd)
        if found.st_uid not in (user.uid, os.geteuid()):
            return False
        if found.st_uid != user.uid:
            os.fchown(fd, user.uid, user.gid)
        if stat.S_IMODE(found.st_mode) != 0o700:
            os.fchmod(fd, 0o700)
    finally:
        os.close(fd)
    return True


def _refuse_another_users(home: Path, user: ServerUser) -> None:
    try:
        owner = home.lstat().st_uid
    except (FileNotFoundError, NotADirectoryError):
        return
    if owner not in (user.uid, os.geteuid()):
        raise FolderOfAnotherUser(folder=home.parent, owner=_name_of(owner))


def _refuse_closed(folder: Path, user: ServerUser) -> None:
    there = [path for path in (*reversed(folder.parents), folder) if path.is_dir()]
    closed = user.first_refused("-x", there)
    if closed is not None:
        raise FolderClosed(folder=folder, closed=closed)


def _is_public(folder: Path) -> bool:
    try:
        return bool(folder.stat().st_mode & stat.S_IXOTH)
    except FileNotFoundError:
        return True


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
