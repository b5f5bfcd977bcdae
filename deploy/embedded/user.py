"""Finds the user that PostgreSQL runs as: ours, or, since it refuses root, a system user of its own."""

import grp
import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from deploy.embedded.errors import BinariesMissing, NoServerUser

SERVER_USER = "passerelle"
_USERADD_TIMEOUT_S = 30
_KEPT_ENVIRONMENT = ("LD_LIBRARY_PATH",)


@dataclass(frozen=True, slots=True)
class ServerUser:
    """The user that owns the cluster; `is_other` when it is not the one we run as."""

    uid: int
    gid: int
    is_other: bool

    def run(
        self,
        command: Sequence[str | Path],
        *,
        output: int | IO[bytes],
        reply: int | IO[bytes] = subprocess.DEVNULL,
        inherit: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs a command as this user, in a session of its own (out of reach of Ctrl-C), with errors into `output`.

        Raises BinariesMissing where the command cannot be run at all.
        """
        try:
            return subprocess.run(  # noqa: S603 -- our own commands, no shell words from outside
                command,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=reply,
                stderr=output,
                pass_fds=inherit,
                env=_environment() | dict(environment or {}),
                cwd="/",
                umask=0o077,
                start_new_session=True,
                user=self.uid if self.is_other else None,
                group=self.gid if self.is_other else None,
                extra_groups=() if self.is_other else None,
            )
        except OSError as error:
            raise BinariesMissing(detail=str(error)) from error

    def first_refused(self, test: str, paths: Sequence[Path]) -> Path | None:
        """Returns the first path for which the shell's `test` (`-x`, `-r`) fails for this user, None without one."""
        script = 't=$1; shift; for p; do test "$t" "$p" || { printf %s "$p"; exit 0; }; done'
        answer = self.run(
            ["/bin/sh", "-c", script, "sh", test, *paths], output=subprocess.DEVNULL, reply=subprocess.PIPE
        )
        return Path(os.fsdecode(answer.stdout)) if answer.stdout else None


def server_user() -> ServerUser:
    """Returns our user, or as root the system user `passerelle`, made where missing. Raises NoServerUser."""
    if os.geteuid() != 0:
        return ServerUser(os.geteuid(), os.getegid(), is_other=False)
    entry = _find_user() or _make_user()
    return ServerUser(entry.pw_uid, entry.pw_gid, is_other=True)


def _find_user() -> pwd.struct_passwd | None:
    try:
        entry = pwd.getpwnam(SERVER_USER)
    except KeyError:
        return None
    if entry.pw_uid == 0:
        raise NoServerUser(name=SERVER_USER, detail=f"the user {SERVER_USER} has the number 0, which is root")
    return entry


def _make_user() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent"]
    command += ["--shell", "/usr/sbin/nologin"]
    if any(group.gr_name == SERVER_USER for group in grp.getgrall()):
        command += ["--gid", SERVER_USER]
    try:
        made = subprocess.run(  # noqa: S603 -- fixed words
            [*command, SERVER_USER],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_USERADD_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoServerUser(name=SERVER_USER, detail=str(error)) from error
    entry = _find_user()  # another Passerelle may have made it at the same moment
    if entry is None:
        raise NoServerUser(name=SERVER_USER, detail=made.stderr.decode("utf-8", "replace"))
    return entry


def _environment() -> dict[str, str]:
    # Not our environment: PGDATA, PGOPTIONS and the like would change what the server does.
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **kept}
