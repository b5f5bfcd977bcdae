"""A folder for each module, reachable by every user, whose data folder has a database; no server may be left running at its end."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.embedded.programs import kill_all, server_processes
from tests.deploy.ready import put_database
from tests.harness.postgres import make_folder


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = make_folder("passerelle-test-")
    put_database(made / "data")
    yield made
    left = server_processes(made / "data")
    kill_all(left)
    shutil.rmtree(made)
    assert not left
