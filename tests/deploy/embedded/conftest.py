"""A data folder of its own for each test, after which no server may be left."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.embedded import open_database
from tests.deploy.embedded.programs import Holder, copy_cluster, copy_wheel, kill_all, server_processes
from tests.harness.postgres import make_folder

collect_ignore = [] if os.geteuid() == 0 else ["test_as_root.py"]


def pytest_report_header() -> str | None:
    """Name loudly what cannot be tried here."""
    if os.geteuid() == 0:
        return None
    return "NOT TRIED: the embedded database as root (tests/deploy/embedded/test_as_root.py), for you are not root"


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that everybody can reach."""
    with temporary_folder() as folder:
        yield folder


@pytest.fixture
def new_data_dir(public_folder: Path) -> Iterator[Path]:
    """A data folder that is not there yet. After the test no server works in it."""
    data_dir = public_folder / "data"
    yield data_dir
    left = server_processes(data_dir)
    kill_all(left)
    assert not left


@pytest.fixture
def data_dir(new_data_dir: Path, made_data_dir: Path) -> Path:
    """A data folder that was used before."""
    copy_cluster(made_data_dir, new_data_dir)
    return new_data_dir


@pytest.fixture(scope="session")
def made_data_dir() -> Iterator[Path]:
    with temporary_folder() as folder:
        open_database(folder / "made").close()
        yield folder / "made"


@pytest.fixture
def hold(new_data_dir: Path) -> Iterator[Callable[..., Holder]]:
    """Start programs that hold the data folder; those that still live after the test are ended."""
    started: list[Holder] = []

    def start(uid: int | None = None, site: Path | None = None) -> Holder:
        started.append(Holder(new_data_dir, uid, site))
        return started[-1]

    yield start
    for holder in started:
        holder.finish()


@pytest.fixture(scope="session")
def public_wheel() -> Iterator[Path]:
    """The wheel where everybody can read it, wherever the checkout is."""
    with temporary_folder() as folder:
        yield copy_wheel(folder)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    folder = make_folder("passerelle-test-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def shared_dsn(made_data_dir: Path) -> Iterator[str]:
    """A server that tests only ask."""
    with temporary_folder() as folder:
        copy_cluster(made_data_dir, folder / "shared")
        with open_database(folder / "shared") as database:
            yield database.dsn
