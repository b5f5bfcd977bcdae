"""Three instances that are peers of each other, made once and copied for each test that needs them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.embedded.programs import kill_all, server_processes
from tests.deploy.peers.sites import NAMES, Site, make_peers, running
from tests.harness.postgres import make_folder
from tests.harness.tls_front import TlsFronts, running_tls_fronts


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = make_folder("passerelle-test-")
    yield made
    left = [process for data in made.iterdir() for process in server_processes(data)]
    kill_all(left)
    shutil.rmtree(made)
    assert not left


@pytest.fixture(scope="module")
def fronts(folder: Path) -> Iterator[TlsFronts]:
    with running_tls_fronts(folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def trio(folder: Path, fronts: TlsFronts) -> Iterator[tuple[Site, ...]]:
    """Three running instances, each of which follows the two others."""
    sites = tuple(Site.behind(fronts, folder, name) for name in NAMES)
    with running(*sites):
        make_peers(sites)
        yield sites
