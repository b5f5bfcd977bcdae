"""The server process: started, waited for, stopped. All of this is called with the start lock held."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.binaries import Installation
from deploy.embedded.client import ensure_database
from deploy.embedded.errors import BinariesMissing, EmbeddedError, ServerSilent, from_output
from deploy.embedded.folders import SOCKET_PORT, Folders
from deploy.embedded.locks import POLL_S, Locks, wait_until
from deploy.embedded.output import MAX_OUTPUT_BYTES, Output
from deploy.embedded.processes import end_orphans, is_postmaster, read_pid_file, read_tail, wait_gone
from deploy.embedded.tuning import LOG_FILE_PATTERN
from deploy.embedded.user import ServerUser

START_TIMEOUT_S = 600  # after a crash, the last minutes of changes are replayed first
ORPHANS_GRACE_S = 3.0
FAST_STOP_TIMEOUT_S = 60
QUICK_STOP_TIMEOUT_S = 10
KEPT_LOG_FILES = 5
_FULL_DISK_BYTES = 1024 * 1024
_RUN_IN_BACKGROUND = '"$@" >&2 & echo $!'


@dataclass(frozen=True, slots=True)
class Server:
    folders: Folders
    user: ServerUser
    locks: Locks

    def running_socket_dir(self) -> Path | None:
        """Where the running server listens, or None when none runs; waits while one starts or stops.

        Raises ServerSilent.
        """
        given_up = time.monotonic() + START_TIMEOUT_S
        orphaned_since: float | None = None
        while time.monotonic() < given_up:
            found = read_pid_file(self.folders.cluster)
            lives = found is not None and is_postmaster(found.pid, self.folders.cluster)
            if not lives and self.locks.server.is_free():
                return None
            if found and found.socket_dir and ensure_database(found.socket_dir):
                return found.socket_dir
            orphaned_since = None if lives else orphaned_since or time.monotonic()
            if orphaned_since and time.monotonic() - orphaned_since > ORPHANS_GRACE_S:
                end_orphans(self.folders.cluster, self.folders.title)
                orphaned_since = None
            time.sleep(POLL_S * 4)
        raise ServerSilent(folder=self.folders.data, seconds=START_TIMEOUT_S)

    def start(self, installation: Installation, socket_dir: Path, settings: Mapping[str, str]) -> None:
        """Start a server and wait until it is ready; it outlives us. Raises EmbeddedError and OSError."""
        _prune_logs(self.folders.log)
        with Output() as output:
            pid = self._launch(installation, socket_dir, settings, output)
            has_ended = self.locks.server.is_free
            wait_until(lambda: self._is_ready(pid) or has_ended(), START_TIMEOUT_S)
            if has_ended():
                raise self.why_not_started(output.text())
        if not self._is_ready(pid):
            raise ServerSilent(folder=self.folders.data, seconds=START_TIMEOUT_S)

    def stop(self) -> None:
        """Stop the server, if one runs, and wait until all of it is gone. Raises ServerSilent."""
        found = read_pid_file(self.folders.cluster)
        if found and is_postmaster(found.pid, self.folders.cluster):
            for how, timeout_s in (
                (signal.SIGINT, FAST_STOP_TIMEOUT_S),
                (signal.SIGQUIT, QUICK_STOP_TIMEOUT_S),
            ):
                with suppress(ProcessLookupError):
                    os.kill(found.pid, how)
                if wait_until(self.locks.server.is_free, timeout_s):
                    wait_gone(found.pid, QUICK_STOP_TIMEOUT_S)
                    return
        elif wait_until(self.locks.server.is_free, ORPHANS_GRACE_S):
            return
        end_orphans(self.folders.cluster, self.folders.title)
        if not wait_until(self.locks.server.is_free, QUICK_STOP_TIMEOUT_S):
            raise ServerSilent(folder=self.folders.data, seconds=QUICK_STOP_TIMEOUT_S)

    def _launch(
        self, installation: Installation, socket_dir: Path, settings: Mapping[str, str], output: Output
    ) -> int:
        # The shell leaves the server without a parent of ours, and both in a session without our terminal.
        command = [
            "/bin/sh",
            "-c",
            _RUN_IN_BACKGROUND,
            "sh",
            *self._command(installation, socket_dir, settings),
        ]
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

    def _command(
        self, installation: Installation, socket_dir: Path, settings: Mapping[str, str]
    ) -> list[str | Path]:
        fixed = {
            "listen_addresses": "",
            "port": str(SOCKET_PORT),
            "unix_socket_directories": str(socket_dir),
            "unix_socket_permissions": "0700",
            "log_directory": str(self.folders.log),
            "cluster_name": self.folders.title,
        }
        flags = [f"--{name}={value}" for name, value in (dict(settings) | fixed).items()]
        return [installation.postgres, "-D", self.folders.cluster, *flags]

    def _stale_pid_is_ours(self) -> dict[str, str]:
        """PostgreSQL refuses to start while the number in its old files is alive, whoever has it now.

        We know that nothing of the old server lives. It takes the number in this variable for its starter's,
        as pg_ctl tells it, which does not count; its check of shared memory still does.
        """
        stale = read_pid_file(self.folders.cluster)
        return {"PG_GRANDPARENT_PID": str(stale.pid)} if stale else {}

    def _is_ready(self, pid: int) -> bool:
        found = read_pid_file(self.folders.cluster)
        return found is not None and found.pid == pid and found.status == "ready"

    def why_not_started(self, output: str = "") -> EmbeddedError:
        """The named error for a server that gave up, from what it wrote."""
        newest = max(self.folders.log.glob(LOG_FILE_PATTERN), default=None)
        log = read_tail(newest, MAX_OUTPUT_BYTES).strip() if newest else ""
        disk = os.statvfs(self.folders.home)
        if disk.f_bavail * disk.f_frsize < _FULL_DISK_BYTES:
            log += "\nNo space left on device"  # its log is on that disk too
        return from_output(f"{output}\n{log}".strip(), self.folders.data)


def _prune_logs(folder: Path) -> None:
    for old in sorted(folder.glob(LOG_FILE_PATTERN))[: -(KEPT_LOG_FILES - 1)]:
        old.unlink(missing_ok=True)
