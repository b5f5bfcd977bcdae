"""Tells the processes of a cluster from others that have got their ids since."""

import os
import re
import signal
import stat
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil

PID_FILE = "postmaster.pid"
_MAX_PID_FILE_BYTES = 4096
_PID = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PidFile:
    """What the server wrote about itself. Not trusted: after a crash another process may have its id."""

    pid: int
    socket_dir: Path | None
    status: str  # "starting", "ready", "stopping", … or empty


def read_pid_file(cluster: Path) -> PidFile | None:
    """Reads the server's file. Returns None where there is none, or it is damaged (or not yet written).

    Raises OSError where it cannot be read: that says nothing of the server.
    """
    try:
        lines = _read_tail(cluster / PID_FILE, _MAX_PID_FILE_BYTES).split("\n")
    except FileNotFoundError:
        return None
    if not _PID.fullmatch(lines[0].strip()):
        return None
    lines += [""] * (8 - len(lines))
    socket_dir = lines[4].strip()
    return PidFile(int(lines[0]), Path(socket_dir) if socket_dir else None, lines[7].strip())


def read_tail(path: Path, limit: int) -> str:
    """Reads the last `limit` bytes of a plain file as text; empty where it cannot be read."""
    try:
        return _read_tail(path, limit)
    except OSError:
        return ""


def _read_tail(path: Path, limit: int) -> str:
    # The folder may belong to another user: a link must not be followed, a pipe not waited for.
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            return ""
        return os.pread(fd, limit, max(0, found.st_size - limit)).decode("utf-8", "replace")
    finally:
        os.close(fd)


def find_postmaster(cluster: Path) -> int | None:
    """Finds the PostgreSQL that works in `cluster` without its file. Returns its id; None where none runs."""
    for process in psutil.process_iter():
        try:
            if process.name() == "postgres" and _is_named(process, cluster):
                return process.pid
        except psutil.Error:
            continue
    return None


def is_postmaster(pid: int, cluster: Path) -> bool:
    """Tells whether this process is the PostgreSQL that works in `cluster`."""
    try:
        process = psutil.Process(pid)
        return process.name() == "postgres" and (_is_named(process, cluster) or _is_in(process, cluster))
    except psutil.Error:
        return False


def end_orphans(cluster: Path, title: str) -> None:
    """Ends what a killed server left running: a backend in a long query does not notice its death for a while."""
    for process in psutil.process_iter():
        try:
            if process.name() == "postgres" and _is_ours(process, cluster, title):
                process.send_signal(signal.SIGQUIT)
        except psutil.Error:
            continue


def has_ended(pid: int) -> bool:
    """Tells whether this process has ended; reaps it where it is a child of ours (we may be process 1)."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _is_ours(process: psutil.Process, cluster: Path, title: str) -> bool:
    return _is_titled(process, title) or _is_named(process, cluster) or _is_in(process, cluster)


def _is_named(process: psutil.Process, cluster: Path) -> bool:
    words = process.cmdline()
    return ("-D", str(cluster)) in pairwise(words)


def _is_titled(process: psutil.Process, title: str) -> bool:
    return bool(process.cmdline()) and process.cmdline()[0].startswith(f"postgres: {title}: ")


def _is_in(process: psutil.Process, cluster: Path) -> bool:
    # Root is refused in a container without CAP_SYS_PTRACE; the name decides there.
    try:
        return os.path.samefile(process.cwd(), cluster)
    except (OSError, psutil.AccessDenied):
        return False
