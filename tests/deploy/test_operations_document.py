"""The commands of docs/operations.md, run as they are written: backup, restore, restart and upgrade of a real instance."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from deploy.ports import free_port
from federation.protocol.log_state import read_own_checkpoint
from tests.deploy.machines import fetch
from tests.deploy.pending import add_pending
from tests.deploy.test_restore import LOG, PATIENCE_S
from tests.harness.command import PROGRAM, TIMEOUT_S, Command
from tests.harness.waiting import wait_until

CHECKOUT: Final = Path(__file__).parent.parent.parent
DOCUMENT: Final = CHECKOUT / "docs" / "operations.md"
BLOCKS: Final = re.findall(r"^```sh\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.S | re.M)
SERVICE_MANAGER: Final = f"""#!{sys.executable}
import os, select, signal, subprocess, sys, urllib.request
from pathlib import Path

home, what = Path(os.environ["SERVICE_HOME"]), sys.argv[1]
assert sys.argv[2:] == ["passerelle"]
if what == "start":
    with (home / "log").open("ab") as log:
        served = subprocess.Popen([".venv/bin/passerelle", "serve"], cwd=home / "checkout", stdin=subprocess.DEVNULL,
                                  stdout=log, stderr=log, start_new_session=True)
    (home / "pid").write_text(str(served.pid))
    ended = os.pidfd_open(served.pid)
    for _ in range(1_800):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{{os.environ['PASSERELLE_PORT']}}/readyz").read()
            break
        except OSError:
            assert not select.select([ended], [], [], 0.1)[0], "the service ended"
else:
    pid = int((home / "pid").read_text())
    ended = os.pidfd_open(pid)
    os.kill(pid, signal.SIGTERM)
    select.select([ended], [], [])
    (home / "pid").unlink()
"""
"""Stands for a service manager: it starts what the document says, and waits for its end."""


class Home:
    """The home of an operator: a checkout that can be pulled, its environment, and a service manager."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.checkout, self.data = folder, folder / "checkout", folder / "data"
        self.origin = folder / "origin"
        for path in (self.origin, folder / "bin"):
            path.mkdir()
        self._git(self.origin, "init", "--quiet", "--initial-branch=main")
        for name in (
            "Makefile",
            "requirements.lock",
            "requirements-dev.lock",
            "pyproject.toml",
            ".gitignore",
        ):
            shutil.copy(CHECKOUT / name, self.origin)
        self.commit("first")
        self._git(folder, "clone", "--quiet", str(self.origin), str(self.checkout))
        self._environment_is_made()
        stand_in = folder / "bin" / "systemctl"
        stand_in.write_text(SERVICE_MANAGER)
        stand_in.chmod(0o755)
        self.port = free_port()

    def _environment_is_made(self) -> None:
        venv = self.checkout / ".venv"
        venv.mkdir()
        (venv / "bin").symlink_to(PROGRAM.parent)
        for name in ("requirements.lock", "pyproject.toml"):
            os.utime(self.checkout / name, (0, 0))
        (venv / ".installed").touch()

    def commit(self, text: str) -> None:
        (self.origin / "NEWS").write_text(text)
        self._git(self.origin, "add", "--all")
        self._git(self.origin, "commit", "--quiet", "--message", text)

    def _git(self, folder: Path, *words: str) -> None:
        who = (
            "-c",
            "user.name=Operator",
            "-c",
            "user.email=operator@example.org",
            "-c",
            "commit.gpgsign=false",
        )
        subprocess.run(["git", *who, *words], cwd=folder, check=True)

    def command(self, *program: str | Path, **settings: str) -> Command:
        path = f"{self.folder / 'bin'}:{self.checkout / '.venv' / 'bin'}:{os.environ['PATH']}"
        return Command(
            self.checkout,
            {"data": str(self.data), "port": str(self.port), **settings},
            program=program or (PROGRAM,),
            variables={"PATH": path, "SERVICE_HOME": str(self.folder)},
        )

    def run(self, block: str, **settings: str) -> str:
        """Runs a block of the document, as it is written. Returns what it says."""
        done = self.command("bash", "-euo", "pipefail", "-c", **settings).run(block)
        assert done.code == 0, f"{block}\n{done.out}\n{done.err}"
        return done.out + done.err

    def end(self) -> None:
        with suppress(FileNotFoundError, ProcessLookupError):
            pid = int((self.folder / "pid").read_text())
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def home(folder: Path) -> Iterator[Home]:
    made = Home(folder)
    yield made
    made.end()


def test_every_command_works_as_it_is_written(home: Home) -> None:
    """The documented restore failed with `relation … already exists`, and said nowhere how to get an empty database."""
    back_up, restore, replace, upgrade = BLOCKS
    home.run("systemctl start passerelle")
    dsn = f"postgresql://passerelle@/passerelle?host={home.data / 'postgres'}&port=5432"
    add_pending(dsn, LOG, 3)
    assert wait_until(lambda: _published(dsn) == 4, PATIENCE_S)
    home.run(back_up)

    elsewhere = {"data": str(home.folder / "elsewhere" / "data"), "port": str(free_port())}
    shown = home.run(restore.replace("passerelle doctor", "passerelle doctor || true"), **elsewhere)
    assert "All is well: 4 leaves of localhost/log lead to the signed root." in shown
    assert "passerelle recover" in shown, "the mark of what was signed is not there, and doctor says so"

    home.run(replace)
    assert fetch(dsn, "SELECT count(*) FROM mapping")[0][0] == 3
    add_pending(dsn, LOG, 2)
    assert wait_until(lambda: _published(dsn) == 6, PATIENCE_S), (
        "the same machine goes on with what it has signed"
    )

    home.commit("second")
    shown = home.run(upgrade)
    assert (home.checkout / "NEWS").read_text() == "second"
    assert "All is well." in shown
    home.run("systemctl stop passerelle")


def _published(dsn: str) -> int:
    rows = fetch(dsn, "SELECT published FROM log_state")
    return 0 if not rows or rows[0][0] is None else read_own_checkpoint(rows[0][0]).size


def test_commands_of_the_document_are_commands() -> None:
    """A command that is named and does not exist."""
    text = DOCUMENT.read_text(encoding="utf-8")
    named = set(re.findall(r"`passerelle ([a-z]+)", text)) | set(
        re.findall(r"^ *passerelle ([a-z]+)", text, re.M)
    )
    shown = Command(CHECKOUT, timeout_s=TIMEOUT_S).run("--help").out
    assert {name for name in named if f"\n  {name} " not in shown} == set()
