"""Commands load no web framework: it takes most of a second, and none of them answers a request."""

import sys
from pathlib import Path
from typing import Final

import pytest

from deploy.cli.main import COMMANDS
from tests.harness.command import Command

HEAVY: Final = ("litestar", "hypercorn", "web.app", "atproto", "mastodon", "requests", "dns")
PROGRAM: Final = f"""
import sys
from deploy.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print("loaded:", *{{*{HEAVY!r}}} & sys.modules.keys(), file=sys.stderr)
"""
NOTHING: Final = "loaded:\n"


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path, {"data": str(tmp_path / "data")}, program=(sys.executable, "-c", PROGRAM))


def test_the_help_loads_none(command: Command) -> None:
    shown = command.run("--help")
    assert (shown.code, shown.err) == (0, NOTHING)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_no_command_does(command: Command, name: str) -> None:
    shown = command.run(name, "--help")
    assert (shown.code, shown.err) == (0, NOTHING)
    assert shown.out.startswith(f"Usage: passerelle {name}")


def test_a_lookup_loads_none(command: Command, dsn: str) -> None:
    shown = command.run("lookup", "@nobody", "--json", database_url=dsn)
    assert (shown.code, shown.err) == (1, NOTHING)
    assert '"answers":[]' in shown.out


def test_commands_over_members_load_none(command: Command, dsn: str) -> None:
    shown = command.run("proofs", "list", database_url=dsn)
    assert (shown.code, shown.err) == (0, NOTHING)
    rotated = command.run("vault", "rotate", database_url=dsn)
    assert (rotated.code, rotated.err) == (0, NOTHING)


def test_the_help_loads_next_to_nothing(command: Command) -> None:
    """The sentences of failures are loaded with the first failure: they know errors of every package."""
    program = PROGRAM.replace(repr(HEAVY), repr((*HEAVY, "asyncpg", "federation", "directory")))
    shown = Command(command.folder, command.settings, program=(sys.executable, "-c", program)).run("--help")
    assert (shown.code, shown.err) == (0, NOTHING)


def test_an_instance_loads_libraries_of_networks_at_their_first_call(command: Command) -> None:
    """Bluesky's takes half a second and 65 MB of each process, also of those that only answer lookups."""
    loads = (
        "import sys, deploy.serve, deploy.web_server;"
        "print({'atproto', 'mastodon', 'requests', 'dns', 'httpx', 'joserfc'} & sys.modules.keys())"
    )
    alone = Command(command.folder, command.settings, program=(sys.executable, "-c"))
    shown = alone.run(loads)
    assert (shown.out, shown.err) == ("set()\n", "")


def test_one_of_several_web_processes_loads_no_terminal(command: Command) -> None:
    """structlog loads rich where it finds it, 4 MB of each process: it has to be loaded first, without."""
    loads = (
        "import sys, deploy.cli.web_process;"
        "early = 'structlog' in sys.modules;"
        "from deploy.loading import load_logs; load_logs();"
        "import deploy.workers.serving;"
        "print(early, {'rich', 'pygments'} & sys.modules.keys());"
        "import rich"
    )
    alone = Command(command.folder, command.settings, program=(sys.executable, "-c"))
    shown = alone.run(loads)
    assert (shown.out, shown.err) == ("False set()\n", "")


WARNS: Final = """
from deploy.loading import load_logs
load_logs()
import structlog
log = structlog.get_logger("test")
log.info("a step")
log.warning("a warning")
"""


def test_what_a_command_is_warned_of_is_no_result(command: Command) -> None:
    """Warnings came among the results of commands, on standard output: whatever read their JSON failed."""
    shown = Command(command.folder, command.settings, program=(sys.executable, "-c", WARNS)).run("x")
    assert shown.out == ""
    assert "a warning" in shown.err
    assert "a step" not in shown.err
