"""Makes the cluster on disk, whole or not at all, and checks it before use."""

import os
import secrets
import shutil
from pathlib import Path

from deploy.embedded.binaries import MAJOR_VERSION, Installation
from deploy.embedded.diagnosis import explain_failure
from deploy.embedded.errors import FolderOfAnotherVersion, NotADatabase
from deploy.embedded.folders import Folders
from deploy.embedded.locks import Locks
from deploy.embedded.output import Output
from deploy.embedded.processes import read_tail
from deploy.embedded.user import ServerUser

SUPERUSER = "postgres"
_UNFINISHED = "unfinished-"
_MAX_VERSION_BYTES = 32


def make_cluster(folders: Folders, user: ServerUser, installation: Installation, locks: Locks) -> None:
    """Runs initdb if there is no cluster yet; durable once it returns. Raises EmbeddedError and OSError.

    The cluster is made beside its place and moved there when complete; the next start removes what a crash leaves.
    """
    for leftover in folders.home.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(leftover)
    if folders.cluster.exists():
        _check_version(folders.cluster)
        return
    unfinished = folders.home / (_UNFINISHED + secrets.token_hex(4))
    with Output() as output, locks.held_by_server() as lives:
        made = user.run(
            _initdb(installation, unfinished),
            output=output.file,
            reply=output.file,
            inherit=(lives.fileno(),),  # an initdb that outlives us keeps the next start waiting
        )
        if made.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise explain_failure(folders, user, installation, output.text())
    unfinished.rename(folders.cluster)
    _sync(folders.home)


def _initdb(installation: Installation, cluster: Path) -> list[str | Path]:
    # Whoever reaches the socket may connect: the folder's mode decides who does.
    return [
        installation.initdb,
        "--pgdata",
        cluster,
        "--username",
        SUPERUSER,
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--data-checksums",
        "--auth-local=trust",
        "--auth-host=reject",
        "--no-instructions",
    ]


def _check_version(cluster: Path) -> None:
    found = read_tail(cluster / "PG_VERSION", _MAX_VERSION_BYTES).strip()
    if not found:
        raise NotADatabase(folder=cluster)
    if found != MAJOR_VERSION:
        raise FolderOfAnotherVersion(folder=cluster.parent.parent, found=found, ours=MAJOR_VERSION)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
