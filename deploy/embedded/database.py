"""Opens the database of a data folder: the running one, or one that it starts."""

import atexit
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Self

import asyncpg
import structlog

from deploy.embedded.binaries import readable_installation
from deploy.embedded.client import DATABASE, dsn, ensure_database
from deploy.embedded.cluster import SUPERUSER, make_cluster
from deploy.embedded.diagnosis import explain_failure
from deploy.embedded.errors import ServerSilent, from_os_error, from_output
from deploy.embedded.folders import Folders, choose_socket_dir, prepare
from deploy.embedded.locks import Locks
from deploy.embedded.server import START_TIMEOUT_S, Server
from deploy.embedded.signals import orderly_end
from deploy.embedded.tuning import memory_bytes, server_settings, stored_bytes
from deploy.embedded.user import server_user

log = structlog.get_logger(__name__)

_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


class EmbeddedDatabase:
    """A share in the server of one data folder, until `close()`, the end of the `with`, or the end of the process."""

    def __init__(
        self, server: Server, socket_dir: Path, settings: Mapping[str, str], held: ExitStack
    ) -> None:
        self._server = server
        self._settings = settings
        self.data_dir = server.folders.data
        self.log_dir = server.folders.log
        self.socket_dir = socket_dir
        self._held = held
        self._pid = os.getpid()
        atexit.register(self.close)

    @property
    def dsn(self) -> str:
        """The address of our database, as its owner, for asyncpg and libpq."""
        return dsn(self.socket_dir)

    def superuser_dsn(self, database: str = DATABASE) -> str:
        """Makes the address of a database as the superuser of the cluster."""
        return dsn(self.socket_dir, database, SUPERUSER)

    def revive(self) -> bool:
        """Restarts the server where it has ended by itself. Raises EmbeddedError.

        Returns True where it was restarted; it then listens where it did before. Blocks while it starts. Does nothing
        while another process starts or stops it.
        """
        return _revive(self._server, self.socket_dir, self._settings)

    def close(self) -> None:
        """Releases our share; the last one stops the server and waits for its end. Raises ServerSilent."""
        atexit.unregister(self.close)
        if os.getpid() == self._pid:  # a forked child does not release its parent's share
            self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_database(data_dir: Path, settings: Mapping[str, str] = _NO_SETTINGS) -> EmbeddedDatabase:
    """Takes a share in the server of `data_dir`: the running one, or one that it starts, on a cluster made if needed.

    Blocks until it answers. `settings` are PostgreSQL settings on top of ours; a running server keeps its own.
    SIGTERM and SIGHUP, where they have no handler, become SystemExit until the share is released, so that the
    server is stopped. Raises EmbeddedError; nothing that was started is left running then.
    """
    folders = Folders(Path(os.path.realpath(data_dir)))
    with _errors_in_sentences(folders.data), ExitStack() as held:
        held.enter_context(orderly_end())
        user = server_user()
        prepare(folders, user)
        locks = Locks.open(folders.locks)
        held.callback(locks.close)
        server = Server(folders, user, locks)
        held.callback(_leave, server)
        with locks.start.held(START_TIMEOUT_S, lambda: _tell_waiting(locks)):
            locks.users.try_shared()
            socket_dir = server.running_socket_dir() or _start(server, settings)
        return EmbeddedDatabase(server, socket_dir, settings, held.pop_all())


def _tell_waiting(locks: Locks) -> None:
    """A process that was stopped in the middle holds it for ever: whoever waits for it is to find it."""
    log.warning(
        "another process starts or stops the database, and is waited for",
        lock=str(locks.start_path),
        at_most_s=START_TIMEOUT_S,
    )


@contextmanager
def _errors_in_sentences(folder: Path) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise ServerSilent(folder=folder, seconds=START_TIMEOUT_S) from error
    except OSError as error:
        raise from_os_error(error, folder) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise from_output(str(error), folder) from error


def _revive(server: Server, socket_dir: Path, settings: Mapping[str, str]) -> bool:
    with _errors_in_sentences(server.folders.data), ExitStack() as held:
        if server.is_alive() or not server.locks.start.try_alone():
            return False
        held.callback(server.locks.start.release)
        if server.running_socket_dir() == socket_dir:
            return False  # another process was faster
        return _start(server, settings) == socket_dir


def _start(server: Server, settings: Mapping[str, str]) -> Path:
    folders, user = server.folders, server.user
    installation = readable_installation(folders.data, user)
    make_cluster(folders, user, installation, server.locks)
    socket_dir = choose_socket_dir(folders, user)
    ours = server_settings(memory_bytes(), stored_bytes(folders.cluster))
    server.start(installation, socket_dir, ours | dict(settings))
    if not ensure_database(socket_dir):
        raise explain_failure(folders, user, installation)
    return socket_dir


def _leave(server: Server) -> None:
    """Stops the server if no other process shares it."""
    try:
        with server.locks.start.held(START_TIMEOUT_S):
            if server.locks.users.try_alone():
                server.stop()
    except TimeoutError as error:
        raise ServerSilent(folder=server.folders.data, seconds=START_TIMEOUT_S) from error
