"""kill -9 at each step of a write: what is there afterwards is the former file or the new one, whole."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from directory.networks.bluesky.client_key_file import CLIENT_KEYS_FILE
from directory.vault import KEY_FILE_NAME
from federation.keys.instance import MARK_FILE, RECOVERY_KEY_FILE
from tests.secret_files import product
from tests.secret_files.processes import Point, run_killed
from tests.secret_files.product import KEYS, VAULT, make_all

BEFORE: Final[tuple[Point, ...]] = ("begun", "half", "written")
AFTER: Final[tuple[Point, ...]] = ("in place", "durable")

REPLACED: Final = {
    MARK_FILE: (KEYS, product.swap_mark),
    KEY_FILE_NAME: (VAULT, product.rotate_ring),
}
MADE: Final = {
    CLIENT_KEYS_FILE: (VAULT, product.read_client_keys),
    "log-*.key": (KEYS, product.add_log_key),
    RECOVERY_KEY_FILE: (KEYS, product.put_recovery_key),
    "recovery-*.key": (KEYS, product.put_recovery_key),
}

each_point = pytest.mark.parametrize("point", [*BEFORE, *AFTER])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    make_all(made)
    return made


@each_point
@pytest.mark.parametrize("name", REPLACED)
def test_a_file_that_is_replaced(data: Path, name: str, point: Point) -> None:
    folder, write = REPLACED[name]
    path = data / folder / name
    path.write_bytes(former := path.read_bytes().removesuffix(b"\n"))  # told from what is written
    run_killed(point, write, data)
    assert (path.read_bytes() == former) == (point in BEFORE)
    check_and_go_on(data, write)


@each_point
@pytest.mark.parametrize("name", MADE)
def test_a_file_that_is_made(data: Path, name: str, point: Point) -> None:
    folder, write = MADE[name]
    for path in (data / folder).glob(name):
        path.unlink()
    run_killed(point, write, data)
    made = list((data / folder).glob(name))
    assert len(made) == (0 if point in BEFORE else 1)
    contents = [path.read_bytes() for path in made]
    check_and_go_on(data, write)
    assert [path.read_bytes() for path in made] == contents


@pytest.mark.parametrize("point", ["begun", "half"])
def test_a_folder_of_keys_that_is_made(tmp_path: Path, point: Point) -> None:
    """What a killed first start left is no folder of keys: the next one makes all of them."""
    data = tmp_path / "data"
    run_killed(point, product.make_all, data)
    assert not (data / KEYS).exists()
    make_all(data)
    product.read_keys(data)


def check_and_go_on(data: Path, write: Callable[[Path], object]) -> None:
    """Every secret is whole, the same write can be made again, and the next writer removes what a killed one left."""
    for secret in product.SECRETS:
        if secret.read is not None:
            secret.read(data)
    write(data)
    product.add_log_key(data)
    product.rotate_ring(data)
    assert list(data.glob("*/.*")) == []
