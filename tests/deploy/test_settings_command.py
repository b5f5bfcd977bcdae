"""`passerelle settings`, and a running instance that applies each change, in real processes."""

from pathlib import Path

import httpx
import pytest

from directory.instance_settings import KEYS, describe_setting
from tests.deploy.machines import PATIENCE_S, Machine
from tests.harness.no_tls import NO_TLS
from tests.harness.waiting import wait_until


@pytest.fixture
def machine(tmp_path: Path, dsn: str) -> Machine:
    return Machine(tmp_path, "one", dsn)


def run(machine: Machine, *arguments: str) -> str:
    shown = machine.command.run("settings", *arguments)
    assert (shown.code, shown.err) == (0, "")
    return shown.out


def test_all_of_them_with_their_defaults(machine: Machine) -> None:
    run(machine, "set", "name", "Find [them]")
    words = " ".join(run(machine, "get").replace("│", " ").split())
    for key in KEYS:
        assert f" {key} " in words
        assert describe_setting(key).split(maxsplit=1)[0] in words
    assert "Find [them] Passerelle" in words, "now, and the default"


def test_one_is_set_and_goes_back(machine: Machine) -> None:
    assert run(machine, "get", "languages") == "en,fr\n"
    said = run(machine, "set", "languages", "fr, en")
    assert said == "languages is 'fr,en' now; a running instance knows within seconds.\n"
    assert run(machine, "get", "languages") == "fr,en\n"
    assert "'en,fr'" in run(machine, "unset", "languages")
    assert run(machine, "get", "languages") == "en,fr\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("set", "read_only", "perhaps"), "read_only: expected true or false"),
        (("set", "registration", "perhaps"), "registration: expected open or closed"),
        (("set", "colour", "red"), "there is no setting colour; there are name, description,"),
        (("get", "colour"), "there is no setting colour"),
        (("unset", "colour"), "there is no setting colour"),
        (("set", "port", "80"), "port is set in the environment of each process: PASSERELLE_PORT"),
    ],
)
def test_what_cannot_be_is_one_sentence(machine: Machine, arguments: tuple[str, ...], said: str) -> None:
    assert said in machine.refused("settings", *arguments)


def test_the_environment_says_where_it_went(machine: Machine) -> None:
    refused = machine.refused("serve", name="Find them")
    assert "PASSERELLE_NAME is kept in the database now: `passerelle settings set name …`" in refused


def test_a_running_instance_is_told_without_a_restart(machine: Machine) -> None:
    unlimited = {"rate_lookups_per_minute": "0", "rate_pages_per_minute": "0"}  # it is asked again and again
    with machine.running(roles="web", **unlimited) as running:
        running.wait_until_ready(machine.url)

        def said() -> tuple[str, bool]:
            told = httpx.get(f"{machine.url}/api/v1/instance", trust_env=False, verify=NO_TLS).json()
            return told["name"], told["read_only"]

        assert said() == ("Passerelle", False)
        # The doctor knows an instance of ours by its answer, however long its headers are.
        assert "an instance is running there" in " ".join(machine.command.run("doctor").out.split())
        run(machine, "set", "name", "Find them")
        run(machine, "set", "read_only", "true")
        assert wait_until(lambda: said() == ("Find them", True), PATIENCE_S)
        assert "Find them" in httpx.get(machine.url, trust_env=False, verify=NO_TLS).text
        run(machine, "unset", "read_only")
        assert wait_until(lambda: said() == ("Find them", False), PATIENCE_S)
