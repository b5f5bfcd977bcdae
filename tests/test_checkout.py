"""The two commands of the README, on a fresh checkout: nothing but Python and what `make` fetches."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import httpx
import pytest

from deploy.ports import free_port
from tests.deploy.embedded.programs import kill_all, server_processes
from tests.harness.command import Command
from tests.harness.locks import CHECKOUT, LOCK, installed_versions, read_lock, versions_here
from tests.harness.pips import links_with, python_with, release_newer, run_pip
from tests.harness.postgres import make_folder

INSTALL_TIMEOUT_S: Final = 1_200
PIPS: Final = ("pip==23.0.1", "pip")
"""Debian 12's, and the newest."""


@pytest.fixture
def folder() -> Iterator[Path]:
    made = make_folder("passerelle-checkout-")
    yield made
    kill_all(server_processes(made / "data"))
    shutil.rmtree(made)


@pytest.mark.parametrize("pip", PIPS)
def test_a_fresh_checkout_installs_and_runs(folder: Path, pip: str) -> None:
    """With pip 23.0.1 a release newer than the lock stopped the install; see the Makefile."""
    python = python_with(pip, folder / "outside")
    fresh = folder / "passerelle"
    subprocess.run(["git", "clone", "--quiet", CHECKOUT, fresh], check=True, timeout=INSTALL_TIMEOUT_S)
    settings = {"data": str(folder / "data"), "port": str(free_port())}
    make = Command(fresh, settings, ("make", f"PYTHON={python}"), INSTALL_TIMEOUT_S)

    check_install(make, offer_newer_releases(python, folder / "newer"))
    check_second_install(make)
    log = check_run(make, folder / "data")

    changed = subprocess.run(
        ["git", "status", "--porcelain"], cwd=fresh, capture_output=True, text=True, check=True, timeout=60
    )
    assert changed.stdout.split() == ["??", log.name, "??", log.with_name("stdout.log").name]


def offer_newer_releases(python: Path, newer: Path) -> str:
    """A newer release of everything in the lock, of which pip without the lock would take one; PIP_FIND_LINKS."""
    newer.mkdir()
    entries = read_lock(LOCK)
    release_newer(entries.values(), newer)
    links, taken = links_with(newer), newer / "taken"
    run_pip(python, "download", "--no-deps", "--find-links", newer, "--dest", taken, "pydantic==2.*")
    assert [file.name for file in taken.iterdir()] == ["pydantic-2.999-py3-none-any.whl"]
    return links


def check_install(make: Command, links: str) -> None:
    """`make install` brings the packages of the lock, and ours. What of them runs is compiled as it does: half of the work of
    pip is to compile all."""
    offered = replace(make, program=("env", f"PIP_FIND_LINKS={links}", "PIP_COMPILE=0", *make.program))
    installed = offered.run("install")
    assert installed.code == 0, installed.err
    versions = installed_versions(make.folder / ".venv")
    assert versions.pop("passerelle")
    assert versions == versions_here(LOCK)


def check_second_install(make: Command) -> None:
    """A second `make install` does nothing."""
    begun = time.monotonic()
    again = make.run("install")
    print(f"a second `make install` took {time.monotonic() - begun:.2f} s")
    assert again.code == 0, again.err
    assert "pip" not in again.out


def check_run(make: Command, data: Path) -> Path:
    """`make run` serves until Ctrl-C, and leaves nothing running. Returns its log."""
    url = f"http://127.0.0.1:{make.settings['port']}"
    with make.started("run") as running:
        running.wait_until_ready(url)
        page = httpx.get(url, trust_env=False).text
        assert "Find the people you followed on X" in page
        assert httpx.get(f"{url}/api/v1/lookup?x=@nobody", trust_env=False).json()["answers"] == []
        running.send(signal.SIGINT)
        running.wait()
    assert "Traceback" not in running.log.read_text()
    assert server_processes(data) == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)
    return running.log
