"""No two rooms import each other, at any level, and docs/house.md draws them as they are."""

import os
import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.house.drawing import (
    CODE,
    ROOTS,
    Module,
    draw,
    find_circle,
    folders_below,
    folders_of,
    mermaid,
    only_the_longest_ways,
    read_imports,
)

DOCUMENT: Final = CODE / "docs" / "house.md"
WRITE: Final = "PASSERELLE_TEST_HOUSE"
_DRAWN: Final = re.compile(r"<!-- drawn: (?P<place>[a-z/]*) -->\n(?P<drawing>```mermaid\n.*?```)", re.S)
FOLDERS: Final = folders_below(CODE)


@cache
def imports() -> set[tuple[Module, Module]]:
    """Reads all imports once, at the first test that asks: at collection each worker would."""
    return read_imports()


@pytest.mark.parametrize("folder", FOLDERS, ids="/".join)
def test_imports_go_one_way_inside_every_folder(folder: Module) -> None:
    """Two rooms that import each other cannot be understood, tested or replaced one at a time."""
    assert find_circle(draw(imports(), folder)) == []


def test_no_folder_is_left_out() -> None:
    """The folders of the files are all those that the imports know."""
    assert folders_of(imports()) <= set(FOLDERS)


def test_every_file_of_ours_is_in_the_drawing() -> None:
    assert {importing[0] for importing, _ in imports()} <= set(ROOTS)
    assert len({importing for importing, _ in imports()}) > 250


def test_a_circle_is_found(tmp_path: Path) -> None:
    for name, text in {
        "a/one.py": "from b.two import x",
        "b/two.py": "import c.three",
        "c/three.py": "from a import one",
        "d/four.py": "from a.one import y",
    }.items():
        path = tmp_path / name
        path.parent.mkdir()
        path.write_text(text)
    assert find_circle(draw(read_imports(tmp_path, ("a", "b", "c", "d")))) == ["a", "b", "c", "d"]
    (tmp_path / "c/three.py").write_text("")
    assert find_circle(draw(read_imports(tmp_path, ("a", "b", "c", "d")))) == []


def test_the_document_draws_the_house_as_it_is() -> None:
    """PASSERELLE_TEST_HOUSE=write draws it anew; read the diff."""
    text = DOCUMENT.read_text(encoding="utf-8")

    def drawn(match: re.Match[str]) -> str:
        inside = tuple(part for part in match["place"].split("/") if part)
        drawing = mermaid(only_the_longest_ways(draw(imports(), inside)))
        return f"<!-- drawn: {match['place']} -->\n{drawing}"

    now = _DRAWN.sub(drawn, text)
    if os.environ.get(WRITE) == "write":
        DOCUMENT.write_text(now, encoding="utf-8")
    assert len(_DRAWN.findall(text)) == 3
    assert now == text


def test_the_rooms_and_files_that_the_document_names_exist() -> None:
    named = set(
        re.findall(
            r"`((?:deploy|admin|web|federation|directory)/[a-z_/.]*)`", DOCUMENT.read_text(encoding="utf-8")
        )
    )
    assert len(named) > 20
    assert {name for name in named if not (CODE / name).exists()} == set()
