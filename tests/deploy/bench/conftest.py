"""A server of its own for the benches, which name their databases themselves."""

import shutil
from collections.abc import Iterator

import pytest

from deploy.embedded import open_database
from tests.deploy.ready import put_database
from tests.harness.postgres import FAST_SETTINGS, make_folder


@pytest.fixture
def bench_dsn() -> Iterator[str]:
    """The address of the server."""
    folder = make_folder("passerelle-bench-")
    put_database(folder)
    with open_database(folder, FAST_SETTINGS) as database:
        yield database.superuser_dsn()
    shutil.rmtree(folder)
