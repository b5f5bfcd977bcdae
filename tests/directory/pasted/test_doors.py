"""Every door that takes the name of an account takes it through `directory.pasted`, and stands in the table."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import directory
from tests.cases.accounts import DOORS

ROOT: Final = Path(directory.__file__).parent.parent
PARSERS: Final = {
    "parse_x_account",
    "parse_x_handle",
    "parse_target_account",
    "parse_any_account",
    "parse_pasted_post",
    "parse_names",
    "read_names",
    "parse_pair",
    "parse_typed",
    "likely_networks",
    "Query.parse",
}
"""What reads a text that a person pasted."""
AT: Final = {
    "web/pages/home.py": {"box"},
    "web/pages/whose.py": {"whose"},
    "web/pages/person.py": {"person"},
    "web/pages/results_form.py": {"names"},
    "web/api/pairs.py": {"match"},
    "web/pages/prove_links.py": {"links"},
    "web/pages/member_page.py": {"person"},
    "web/api/directory.py": {"lookup", "match", "reverse"},
    "web/api/webfinger.py": {"webfinger"},
    "web/auth/typed.py": {"sign-in"},
    "web/auth/journey.py": {"sign-in"},
    "directory/networks/bluesky/sign_in.py": {"sign-in"},
    "directory/networks/bluesky/names.py": {"sign-in"},
    "directory/networks/mastodon/sign_in.py": {"sign-in", "mastodon"},
    "directory/networks/mastodon/names.py": {"sign-in", "mastodon"},
    "directory/services/proving.py": {"proof"},
    "deploy/cli/lookup.py": {"command"},
    "deploy/cli/hides.py": {"hides"},
    "deploy/cli/proofs.py": {"confirm"},
    "directory/queries.py": {"lookup", "match", "names"},
}
"""The doors of each file that reads such a text."""
STRICT: Final = {"XHandle.parse", "XId.parse", "AtHandle.parse", "Acct.parse", "Did.parse", "ActorUri.parse"}
STRICT_AT: Final = {
    "web/auth/sealed_journey.py": "what we sealed ourselves",
    "web/pages/person.py": "a number in an address that we made",
    "web/api/plain_lookups.py": "what is a plain name or number already, and answered as the route does it, by a test",
}
"""Files behind a door that read an identifier without cleaning, and why."""


def calls_in(path: Path) -> Iterator[str]:
    """Yields what a file calls or hands on: `name`, and `Type.method`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            for each in (node.func, *node.args):
                yield from _names_of(each)


def _names_of(target: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Name):
        yield target.id
    if isinstance(target, ast.Attribute):
        yield target.attr
        if isinstance(target.value, ast.Name):
            yield f"{target.value.id}.{target.attr}"


def files_that_call(names: set[str], *folders: str) -> set[str]:
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return {str(path.relative_to(ROOT)) for path in paths if names & set(calls_in(path))}


def test_a_new_door_is_in_the_table() -> None:
    """Whoever adds a door names it here and in DOORS, adds its rows, and a test that tries them."""
    found = files_that_call(PARSERS, "directory", "web", "admin", "deploy/cli")
    own = {path for path in found if path.startswith("directory/pasted/")}
    assert found - own == set(AT)
    named = {door for doors in AT.values() for door in doors}
    assert named == {door for doors in DOORS.values() for door in doors}


def test_no_door_reads_a_name_uncleaned() -> None:
    assert files_that_call(STRICT, "web", "admin", "deploy/cli") == set(STRICT_AT)
