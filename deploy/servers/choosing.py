"""Finds the server that the settings name."""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from directory.settings import Server, Settings


class ServerMissing(Exception):
    """The server of the settings is not installed."""


def check_server(settings: Settings) -> None:
    """Checks whether the server is installed, without loading it. Raises ServerMissing."""
    for package in _packages(settings.server):
        if find_spec(package) is None:
            raise ServerMissing(
                f"PASSERELLE_SERVER is {settings.server}, and {package} is not installed:"
                f" install passerelle[{settings.server}]"
            )


def load_server(settings: Settings) -> ModuleType:
    """Loads it. It has one function, `serve`. Raises ServerMissing."""
    check_server(settings)
    return import_module(f"deploy.servers.on_{settings.server}")


def is_guarded(settings: Settings) -> bool:
    """Tells whether the guard of `deploy/edge` stands before it."""
    return settings.server is not Server.GRANIAN


def _packages(server: Server) -> tuple[str, ...]:
    return ("uvicorn", "httptools") if server is Server.UVICORN else (server.value,)
