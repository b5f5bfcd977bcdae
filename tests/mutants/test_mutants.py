"""The tool that asks whether the tests would notice: it has to notice, too."""

import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.mutants.choosing import Choice
from tests.mutants.equivalents import Verdict, judge_survivors, read_equivalents
from tests.mutants.names import Mutant, MutantName
from tests.mutants.running import CHECKOUT
from tests.mutants.table import TABLE


@cache
def maker() -> Callable[[str], list[Mutant]]:
    """Loads what makes mutants at the first test that asks: at collection each worker would load its parser."""
    make: Callable[[str], list[Mutant]] = importlib.import_module("tests.mutants.making").make_mutants
    return make


def names(source: str) -> list[tuple[str, str]]:
    """The text that changed and what became of it, of each mutant."""
    return [(each.name.before, each.name.after) for each in maker()(source)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("if a > 1:", "if a >= 1:"),
        ("if a > 1:", "if not (a > 1):"),
        ("if a > 1:", "if a > 0:"),
        ('raise ValueError("too many")', "pass"),
        ("return a and b", "return a or b"),
        ("return a and b", "return a"),
        ("return a and b", "return b"),
        ("return a and b", "return None"),
        ("case 3 if b:", "case 3:"),
        ("case 3 if b:", "case 3 if not (b):"),
        ("case 3 if b: return 5", ""),
        ("c = [x for x in a if x]", "c = [x for x in a]"),
        ("c = [x for x in a if x]", "c = None"),
        ("d = any(c)", "d = all(c)"),
        ("send(d, to=b)", "pass"),
        ("send(d, to=b)", "send(d, to=None)"),
        ("send(d, to=b)", "send(d)"),
        ('e = "SELECT 1 WHERE x = 2 AND y"', 'e = "SELECT 1 WHERE x <> 2 AND y"'),
        ('e = "SELECT 1 WHERE x = 2 AND y"', 'e = "SELECT 1 WHERE x = 2 OR y"'),
    ],
)
def test_a_change_is_tried(before: str, after: str) -> None:
    """cosmic-ray reads no `match`, and mutmut leaves no statement out: two `raise` could go, and no run said so."""
    source = """
def f(a, b):
    if a > 1:
        raise ValueError("too many")
    match a:
        case 3 if b:
            return 5
        case 4:
            pass
    c = [x for x in a if x]
    d = any(c)
    send(d, to=b)
    e = "SELECT 1 WHERE x = 2 AND y"
    return a and b
"""
    assert (before, after) in names(source)


def test_words_types_and_how_a_class_is_made_are_left_alone() -> None:
    source = '''
"""Says what it is."""
from a import b

@wrapped(True)
class C(D, frozen=True):
    """Says what it is."""
    x: int | None

    def f(self, y: int | None) -> bool:
        raise Error(f"not {y + 1}", 3)
'''
    assert names(source) == [('raise Error(f"not {y + 1}", 3)', "pass")]


def test_a_name_tells_the_place_without_line_numbers() -> None:
    line = "    a, b = a >> 1, b\n"
    source = f"def f(a, b):\n{line}    a = b\n{line}    return a\n"
    found = [each.name for each in maker()(source)]
    shifted = "a, b = a << 1, b"
    assert [name for name in found if name.after == shifted] == [
        MutantName("f", "a, b = a >> 1, b", shifted),
        MutantName("f", "a, b = a >> 1, b", shifted, nth=2),
    ]
    assert [each.name for each in maker()("# a comment\n\n" + source)] == found
    assert len(set(found)) == len(found)


def test_survivors_are_named_or_reported_and_names_go_stale() -> None:
    one, two, three, four = (MutantName("f", text, "") for text in "abcd")
    assert judge_survivors([one, two, three], alive=[one, two], named=[two, three, four]) == Verdict(
        made=3, survivors=(one,), equivalent=(two,), stale=(three, four)
    )


def test_the_named_ones_stand_in_the_table_once_with_a_reason() -> None:
    for each in read_equivalents():
        assert each.module in TABLE
        assert each.reason.strip()


@pytest.mark.parametrize("module", TABLE)
def test_the_table_names_files(module: str) -> None:
    """A test file that was moved would leave a module without tests."""
    tests = TABLE[module]
    assert tests.stages()
    for file in (module, *tests.pure, *tests.stored):
        assert (CHECKOUT / file).is_file(), file


HUNT: Final = """
import json
from pathlib import Path
from tests.mutants.choosing import Choice
from tests.mutants.hunting import Stage, find_survivors
from tests.mutants.names import Mutant, MutantName
from tests.mutants.running import CHECKOUT

MODULE = "directory/proofs/strength.py"
right = (CHECKOUT / MODULE).read_text()
wrong = right.replace("Strength.BOUND", "Strength.IMPORTED")
assert wrong != right
mutants = [
    Mutant(MutantName("module", "killed", ""), wrong),
    Mutant(MutantName("module", "harmless", ""), right + "\\n\\nUNUSED = 1\\n"),
    Mutant(MutantName("module", "endless", ""), right + "\\n\\nwhile True:\\n    pass\\n"),
    Mutant(MutantName("module", "broken", ""), right + "\\n\\nraise ImportError\\n"),
]
stage = Stage(Choice({"module": ["tests/directory/proofs/test_strength.py"]}), 4)
print(json.dumps([name.before for name in find_survivors(MODULE, mutants, [stage], 2)]))
"""


def test_what_lives_is_what_no_test_notices(tmp_path: Path) -> None:
    """In a process of its own: here, what is mutated is imported already."""
    done = subprocess.run(
        [sys.executable, "-c", HUNT], cwd=CHECKOUT, capture_output=True, text=True, check=True, timeout=300
    )
    assert json.loads(done.stdout) == ["harmless"]


RECORD: Final = """
import json
from tests.mutants.hunting import prepare_stages

(stage,) = prepare_stages("directory/proofs/strength.py", [("tests/directory/proofs/test_strength.py",)])
print(json.dumps({name: stage.choice.tests_of(name) for name in ("module", "strength_of", "nobody")}))
"""


def test_the_tests_of_a_mutant_are_those_that_enter_what_changed() -> None:
    """And all for what runs at import. Were one left out, a mutant that it kills would be said to live."""
    done = subprocess.run(
        [sys.executable, "-c", RECORD], cwd=CHECKOUT, capture_output=True, text=True, check=True, timeout=300
    )
    chosen = json.loads(done.stdout)
    assert len(chosen["module"]) >= len(chosen["strength_of"]) > 0
    assert set(chosen["strength_of"]) <= set(chosen["module"])
    assert chosen["nobody"] == []


def test_what_killed_another_mutant_comes_first() -> None:
    choice = Choice({"f": ["a[x y]", "b", "c"], "g": ["a[x y]", "c"]})
    choice.learn("f", "FAILED c - assert 1 == 2\nERROR b\n")
    assert choice.tests_of("f") == ["b", "c", "a[x y]"]
    choice.learn("f", "FAILED a[x y] - KeyError\nFAILED a[x y]")
    assert choice.tests_of("f") == ["a[x y]", "b", "c"]
    assert choice.tests_of("g") == ["a[x y]", "c"]
