"""The values of the setup: a part that exists, a part that is missing, and a command run."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

INSTALL_TIMEOUT_S: Final = 20 * 60
VERSION_TIMEOUT_S: Final = 20
_SHOWN_CHARS: Final = 300
_VERSION = re.compile(r"\d+(?:\.\d+)+")


@dataclass(frozen=True, slots=True)
class Part:
    """A part that the tests need and that exists."""

    name: str
    version: str
    where: Path


class CannotBeHad(Exception):
    """A part is missing and could not be got: what it is, why, and what to do."""

    def __init__(self, what: str, why: str, to_do: str) -> None:
        self.what = what
        super().__init__(f"{what} cannot be had, because {why}: {to_do}.")


class CommandFailed(Exception):
    """A command could not be started, took too long, or ended with an error."""


def run(command: Sequence[str], *, folder: Path | None = None, env: Mapping[str, str] | None = None) -> None:
    """Runs an installer quietly. Raises CommandFailed with the last lines of its output."""
    name = " ".join([Path(command[0]).name, *command[1:2]])
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=dict(env or os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=INSTALL_TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        raise CommandFailed(f"`{name}` did not start ({error.strerror})") from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"`{name}` took longer than {INSTALL_TIMEOUT_S // 60} minutes") from error
    if done.returncode != 0:
        raise CommandFailed(
            f"`{name}` ended with {done.returncode} ({_last_words(done.stderr or done.stdout)})"
        )


def install_from_debian(name: str, package: str, size: str) -> None:
    """Installs one of the system's packages, as root. Raises CommandFailed."""
    print(f"Installing {name} from the system's packages ({size}, once) ...", flush=True)
    apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120"]
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    run([*apt, "update"], env=env)
    run([*apt, "install", "-y", "--no-install-recommends", package], env=env)


def version_of(program: Path) -> str:
    """Returns the version that `program --version` prints, as digits and dots. Raises CommandFailed."""
    try:
        done = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=VERSION_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandFailed(f"{program} does not start") from error
    found = _VERSION.search(done.stdout)
    if done.returncode != 0 or found is None:
        raise CommandFailed(f"{program} does not start ({_last_words(done.stderr)})")
    return found.group()


def _last_words(output: str) -> str:
    """Returns the lines that name an error, or else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(npm error|E:|error|failed)", line, re.IGNORECASE)]
    said = "; ".join(errors[:3] or lines[-1:]) or "it said nothing"
    return said if len(said) <= _SHOWN_CHARS else said[:_SHOWN_CHARS] + "…"
