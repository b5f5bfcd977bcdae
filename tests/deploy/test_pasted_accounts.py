"""The table of pasted accounts at the command line."""

import json
import os

import pytest
from click.testing import CliRunner, Result

from deploy.cli.hides import command as hides
from deploy.cli.lookup import command as lookup
from deploy.cli.proofs import command as proofs
from directory.errors import InvalidIdentifier
from tests.cases.accounts import cases_of

_CHECK = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def settings(dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    for name in [name for name in os.environ if name.startswith("PASSERELLE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PASSERELLE_DATABASE_URL", dsn)
    monkeypatch.setenv("PASSERELLE_DATA", str(tmp_path))


def refused(shown: Result) -> bool:
    return isinstance(shown.exception, InvalidIdentifier)


@pytest.mark.parametrize("door", ["command", "hides", "confirm"])
def test_what_is_no_account_is_refused(door: str) -> None:
    """Before anything is opened: in one sentence, by `deploy.cli.main`."""
    commands = {
        "command": (lookup, []),
        "hides": (hides, ["add", "--network", "bluesky", "--reason", "review"]),
        "confirm": (proofs, ["confirm", _CHECK]),
    }
    command, before = commands[door]
    for case in cases_of(door):
        if case.error is not None:
            shown = CliRunner().invoke(command, [*before, "--", case.input])
            assert refused(shown), (case.input, shown.output)


@pytest.mark.usefixtures("settings")
def test_lookup_reads_every_spelling() -> None:
    for case in cases_of("command"):
        if case.account is not None:
            shown = CliRunner().invoke(lookup, ["--json", "--", case.input])
            assert shown.stdout, shown.exception
            query = json.loads(shown.stdout)["query"]
            assert (query["id"] or f"@{query['handle']}") == case.account, case.input
