"""Starts the server process, waits for it, stops it. Everything but `is_alive` is called with the start lock held."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from deploy.embedded.binaries import Installation
from deploy.embedded.client import ensure_database, is_recovering
from deploy.embedded.diagnosis import explain_failure
from deploy.embedded.errors import BinariesMissing, ServerSilent
from deploy.embedded.folders import SOCKET_PORT, Folders
from deploy.embedded.locks import POLL_S, Locks, wait_until
from deploy.embedded.logfiles import prune_and_name_log, read_log
from deploy.embedded.output import Output
from deploy.embedded.processes import (
    PID_FILE,
    PidFile,
    end_orphans,
    find_postmaster,
    has_ended,
    is_postmaster,
    read_pid_file,
)
from deploy.embedded.user import ServerUser

log = structlog.get_logger(__name__)

START_TIMEOUT_S = 600  # after a crash, the last minutes of changes are replayed first
SILENCE_GRACE_S = 3
FAST_STOP_TIMEOUT_S = 60
QUICK_STOP_TIMEOUT_S = 10
_RUN_IN_BACKGROUND = '"$@" >&2 & echo $!'


@dataclass(frozen=True, slots=True)
class Server:
    folders: Folders
    user: ServerUser
    locks: Locks

    def is_alive(self) -> bool:
        """Tells, without a lock, whether the process that wrote this folder's PID file is alive. Raises OSError where that
        cannot be seen."""
        said = read_pid_file(self.folders.cluster)
        return said is not None and is_postmaster(said.pid, self.folders.cluster)

    def running_socket_dir(self) -> Path | None:
        """Returns where the running server listens, None where none runs. Waits while one starts or stops.

        Raises ServerSilent and OSError.
        """
        given_up = time.monotonic() + START_TIMEOUT_S
        patient_until = time.monotonic() + SILENCE_GRACE_S
        is_told = False
        while time.monotonic() < given_up:
            said = read_pid_file(self.folders.cluster)
            living = said if said and is_postmaster(said.pid, self.folders.cluster) else None
            if living is None and self.locks.server.is_free():
                return None
            if said and said.socket_dir and ensure_database(said.socket_dir):
                return said.socket_dir
            if time.monotonic() > patient_until:
                self._end_useless(living)
                if living is not None and not is_told:
                    is_told = True
                    log.warning(
                        "the database does not answer yet, and is waited for",
                        process=living.pid,
                        status=living.status,
                        at_most_s=START_TIMEOUT_S,
                    )
                patient_until = time.monotonic() + SILENCE_GRACE_S
            time.sleep(POLL_S * 4)
        raise ServerSilent(folder=self.folders.data, seconds=START_TIMEOUT_S)

    def start(self, installation: Installation, socket_dir: Path, settings: Mapping[str, str]) -> None:
        """Starts a server and waits until it is ready; it outlives us. Raises EmbeddedError and OSError."""
        self._remove_damaged_pid_file()
        log_name = prune_and_name_log(self.folders.log)
        all_settings = dict(settings) | self._fixed_settings(socket_dir) | {"log_filename": log_name}
        with Output() as output:
            pid = self._launch(installation, all_settings, output)
            is_gone = self.locks.server.is_free
            wait_until(lambda: self._is_ready(pid) or is_gone(), START_TIMEOUT_S)
            if is_gone():
                written = f"{output.text()}\n{read_log(self.folders.log, log_name)}".strip()
                raise explain_failure(self.folders, self.user, installation, written)
        if not self._is_ready(pid):
            raise ServerSilent(folder=self.folders.data, seconds=START_TIMEOUT_S)

    def stop(self) -> None:
        """Stops the server, if one runs, and waits until all its processes have ended. Raises ServerSilent."""
        said = self._find_living()
        if said:
            self._stop_postmaster(said)
            if said.socket_dir and said.socket_dir != self.folders.home:
                with suppress(OSError):
                    said.socket_dir.rmdir()
        if wait_until(self.locks.server.is_free, SILENCE_GRACE_S):
            return
        end_orphans(self.folders.cluster, self.folders.title)
        if not wait_until(self.locks.server.is_free, QUICK_STOP_TIMEOUT_S):
            raise ServerSilent(folder=self.folders.data, seconds=QUICK_STOP_TIMEOUT_S)

    def _find_living(self) -> PidFile | None:
        """Finds the living server by its file, or among all processes where that cannot be read."""
        try:
            said = read_pid_file(self.folders.cluster)
        except OSError:
            pid = find_postmaster(self.folders.cluster)
            return PidFile(pid, None, "") if pid else None
        return said if said and is_postmaster(said.pid, self.folders.cluster) else None

    def _stop_postmaster(self, said: PidFile) -> None:
        # PostgreSQL 18 that is told to stop while it recovers from a crash may wait for ever. Ended at once it loses nothing:
        # it recovers at its next start.
        ways = [(signal.SIGINT, FAST_STOP_TIMEOUT_S), (signal.SIGQUIT, QUICK_STOP_TIMEOUT_S)]
        if said.socket_dir and is_recovering(said.socket_dir):
            del ways[0]
        for how, timeout_s in ways:
            with suppress(ProcessLookupError):
                os.kill(said.pid, how)
            if wait_until(lambda: has_ended(said.pid), timeout_s):
                return

    def _end_useless(self, living: PidFile | None) -> None:
        """Ends what blocks a start and serves no process: orphans of a server, or one whose socket is lost."""
        if living is None:
            end_orphans(self.folders.cluster, self.folders.title)
        elif living.status == "ready" and self.locks.has_no_other_user():
            with suppress(ProcessLookupError):
                os.kill(living.pid, signal.SIGINT)

    def _launch(self, installation: Installation, settings: Mapping[str, str], output: Output) -> int:
        flags = [f"--{name}={value}" for name, value in settings.items()]
        server: list[str | Path] = [installation.postgres, "-D", self.folders.cluster, *flags]
        # Through the shell the server is no child of ours, in a session without our terminal.
        command = ["/bin/sh", "-c", _RUN_IN_BACKGROUND, "sh", *server]
        with self.locks.held_by_server() as lives:
            launched = self.user.run(
                command,
                output=output.file,
                reply=subprocess.PIPE,
                inherit=(lives.fileno(),),
                environment=self._stale_pid_is_ours(),
            )
        if launched.returncode != 0:
            raise BinariesMissing(detail=output.text())
        return int(launched.stdout)

    def _fixed_settings(self, socket_dir: Path) -> dict[str, str]:
        return {
            "listen_addresses": "",
            "port": str(SOCKET_PORT),
            "unix_socket_directories": str(socket_dir),
            "unix_socket_permissions": "0700",
            "log_directory": str(self.folders.log),
            "cluster_name": self.folders.title,
        }

    def _stale_pid_is_ours(self) -> dict[str, str]:
        """Makes PostgreSQL ignore the process id in its old files, which another process may have now.

        It would refuse to start while that process lives. We know that nothing of the old server does. PostgreSQL
        takes the id in this variable, which pg_ctl sets, for that of its starter, and ignores it; its check of
        shared memory stays.
        """
        stale = read_pid_file(self.folders.cluster)
        return {"PG_GRANDPARENT_PID": str(stale.pid)} if stale else {}

    def _remove_damaged_pid_file(self) -> None:
        """PostgreSQL would refuse to start while a file is there that a crash left empty, or without a number. No server
        lives that could have begun it."""
        if read_pid_file(self.folders.cluster) is None:
            (self.folders.cluster / PID_FILE).unlink(missing_ok=True)

    def _is_ready(self, pid: int) -> bool:
        found = read_pid_file(self.folders.cluster)
        return found is not None and found.pid == pid and found.status == "ready"
