"""A folder for each module, reachable by every user, in which no server may be left running at its end."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.embedded.programs import kill_all, server_processes
from tests.harness.postgres import make_folder


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = make_folder("passerelle-test-")
    yield made
    left = server_processes(made / "data")
    kill_all(left)
    shutil.rmtree(made)
    assert not left
