"""The two commands of the README, on a fresh checkout: nothing but Python and what `make` fetches."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import httpx
import pytest

from deploy.serve import free_port
from tests.deploy.embedded.programs import kill_all, server_processes
from tests.harness.command import Command
from tests.harness.postgres import make_folder

CHECKOUT: Final = Path(__file__).parent.parent
INSTALL_TIMEOUT_S: Final = 1_200
BASE_PYTHON: Final = (
    Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    made = make_folder("passerelle-checkout-")
    yield made
    kill_all(server_processes(made / "data"))
    shutil.rmtree(made)


def test_a_fresh_checkout_installs_and_runs(folder: Path) -> None:
    fresh = folder / "passerelle"
    subprocess.run(["git", "clone", "--quiet", CHECKOUT, fresh], check=True, timeout=INSTALL_TIMEOUT_S)
    make = Command(fresh, program=("make", f"PYTHON={BASE_PYTHON}"), timeout_s=INSTALL_TIMEOUT_S)

    installed = make.run("install")
    assert installed.code == 0, installed.err
    begun = time.monotonic()
    again = make.run("install")
    print(f"a second `make install` took {time.monotonic() - begun:.2f} s")
    assert again.code == 0, again.err
    assert "pip" not in again.out

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    instance = replace(make, settings={"data": str(folder / "data"), "port": str(port)})
    with instance.started("run") as running:
        running.wait_until_ready(url)
        page = httpx.get(url, trust_env=False).text
        assert "Find the people you followed on X" in page
        assert httpx.get(f"{url}/api/v1/lookup?x=@nobody", trust_env=False).json()["answers"] == []
        running.send(signal.SIGINT)
        running.wait()
    assert "Traceback" not in running.log.read_text()
    assert server_processes(folder / "data") == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)

    changed = subprocess.run(
        ["git", "status", "--porcelain"], cwd=fresh, capture_output=True, text=True, check=True, timeout=60
    )
    assert changed.stdout.split() == ["??", running.log.name]
