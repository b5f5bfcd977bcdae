"""Makes Pythons with a chosen pip, and releases newer than the locked ones to offer to it."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from zipfile import ZipFile

from tests.harness.locks import Locked

PIP_TIMEOUT_S: Final = 300
BASE_PYTHON: Final = (
    Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
)
"""The Python outside our own environment."""
_WHEEL: Final = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def python_with(pip: str, environment: Path) -> Path:
    """Makes a Python in an environment of its own, with the pip that the requirement `pip` names: "pip" is the newest."""
    python = environment / "bin" / "python"
    subprocess.run(
        [BASE_PYTHON, "-m", "venv", "--without-pip", environment], check=True, timeout=PIP_TIMEOUT_S
    )
    run_pip(BASE_PYTHON, "--python", python, "install", "--upgrade", pip)
    return python


def run_pip(python: Path, *arguments: str | Path) -> None:
    """Runs the pip of this Python to its end."""
    command = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, timeout=PIP_TIMEOUT_S)


def release_newer(entries: Iterable[Locked], folder: Path) -> None:
    """Writes an empty release of each entry into the folder, newer than the locked one but of its major version."""
    for entry in entries:
        _write_wheel(folder, entry.name.replace("-", "_"), f"{entry.version.partition('.')[0]}.999")


def links_with(folder: Path) -> str:
    """Returns the value of PIP_FIND_LINKS that adds the folder to the places of this machine."""
    return f"{os.environ.get('PIP_FIND_LINKS', '')} {folder}".strip()


def _write_wheel(folder: Path, name: str, version: str) -> None:
    inside = f"{name}-{version}.dist-info"
    with ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{inside}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{inside}/WHEEL", _WHEEL)
        wheel.writestr(
            f"{inside}/RECORD", "".join(f"{inside}/{file},,\n" for file in ("METADATA", "WHEEL", "RECORD"))
        )
