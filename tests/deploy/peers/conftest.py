"""Three instances that are peers of each other, and what stands in front of them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.embedded.programs import kill_all, server_processes
from tests.deploy.peers.sites import Site, Trio, at_once, held, make_peers
from tests.harness.postgres import make_folder
from tests.harness.tls_front import TlsFronts, running_tls_fronts
from tests.peers.pds import Pds, shared_pds


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
def peered(folder: Path, fronts: TlsFronts) -> Iterator[Trio]:
    """Three instances, each of which follows the two others."""
    one, two, three = (Site.behind(fronts, folder, name) for name in ("one", "two", "three"))
    sites = (one, two, three)
    with held(*sites):
        at_once(Site.start, sites)
        make_peers((one, two), (two, three), (three, one))
        yield sites


@pytest.fixture
def trio(peered: Trio) -> Trio:
    """The three instances, running."""
    for site in peered:
        site.start()
    return peered


@pytest.fixture(scope="session")
def pds() -> Pds:
    """A real PDS, which the tests of this process share."""
    return shared_pds()
