"""Several processes of one instance over the same secret files."""

from pathlib import Path
from typing import cast

from directory.vault_keys import KeyFile
from tests.secret_files.processes import be_first, rotate_often, run_together
from tests.secret_files.product import KEYS, VAULT, make_all

ROUNDS = 20


def test_processes_that_are_first_at_once_agree(tmp_path: Path) -> None:
    """Two that each made a file of their own would sign, seal and sign in with keys of which one is lost."""
    folders = [tmp_path / f"data{number}" for number in range(ROUNDS)]
    results = run_together(3, be_first, folders)
    for data, *known in zip(folders, *cast("list[list[tuple[str, str, str, bool]]]", results), strict=True):
        assert len({each[:3] for each in known}) == 1
        assert [each[3] for each in known].count(True) == 1
        assert sorted(path.name for path in data.iterdir()) == [KEYS, VAULT]
        assert list(data.glob("*/.*")) == []


def test_no_key_is_lost_between_writers(tmp_path: Path) -> None:
    """Two rotations at once would each put a ring in place that lacks the key of the other one: what was sealed
    under that would never open again."""
    data = tmp_path / "data"
    make_all(data)
    made = cast("list[list[str]]", run_together(3, rotate_often, data, ROUNDS))
    ring = KeyFile(data / VAULT / "vault.keys").read()
    assert {key.id.hex() for key in ring.keys} > {each for keys in made for each in keys}
    assert len(ring.keys) == 1 + 3 * ROUNDS
