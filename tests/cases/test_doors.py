"""Every command that takes an account or an archive is a door of the tables; each door has rows, and a test that tries them.

The addresses are held against the same list in `tests/web/members/test_doors.py`.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

import tests
from deploy.cli.main import passerelle
from tests.cases.accounts import DOORS, cases_of
from tests.cases.archives import load_cases
from tests.cases.doors import ACCOUNTS_AT, ARCHIVES_AT, OF_INSTANCES

ALL_DOORS: Final = sorted({door for doors in DOORS.values() for door in doors})
TESTS: Final = Path(tests.__file__).parent
_TEXTS: Final = (click.types.StringParamType, click.Path)


def commands_with_a_text(command: click.Command, name: str) -> Iterator[str]:
    """Yields each command that takes a text or a file, by its full name."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            assert found is not None
            yield from commands_with_a_text(found, f"{name} {each}")
    elif any(isinstance(parameter.type, _TEXTS) for parameter in command.params):
        yield name


def test_every_command_is_known_to_take_an_account_an_archive_or_neither() -> None:
    """Whoever adds a command that takes a text names it in `tests.cases.doors`, with its door."""
    known = {*ACCOUNTS_AT, *ARCHIVES_AT, *(f"passerelle {each}" for each in OF_INSTANCES)}
    found = set(commands_with_a_text(passerelle, "passerelle"))
    assert found == {each for each in known if each.startswith("passerelle ")}


def test_each_door_is_somewhere() -> None:
    assert set().union(*ACCOUNTS_AT.values()) == set(ALL_DOORS)
    assert set(ARCHIVES_AT.values()) == {door for case in load_cases() for door in case.doors}


@pytest.mark.parametrize("door", ALL_DOORS)
def test_a_door_has_accounts_and_errors(door: str) -> None:
    assert any(case.account is not None for case in cases_of(door))
    assert any(case.error is not None for case in cases_of(door))


def tried_in(path: Path) -> Iterator[str]:
    """Yields the texts that a file hands to the table, or to a test for each of them."""
    tree = ast.parse(path.read_bytes())
    if not any(
        isinstance(node, ast.ImportFrom) and node.module == "tests.cases.accounts" for node in ast.walk(tree)
    ):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if called in {"wrong", "cases_of", "parametrize"}:
                yield from (str(each.value) for each in ast.walk(node) if isinstance(each, ast.Constant))


def test_a_test_tries_each_door() -> None:
    """A door that stands in the table, and that nothing tries, shows nothing."""
    here = Path(__file__)
    tried = {text for path in TESTS.rglob("test_*.py") if path != here for text in tried_in(path)}
    assert set(ALL_DOORS) - tried == set()
