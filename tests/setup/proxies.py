"""Finds the reverse proxies whose sample configurations are tested, or installs Debian's packages."""

import os
import re
import shutil
import subprocess
from typing import Final

from tests.harness.proxies import ProxyMissing, proxy_path
from tests.setup.parts import VERSION_TIMEOUT_S, CannotBeHad, CommandFailed, Part, install_from_debian

PACKAGES: Final = {
    "caddy": ("caddy", "about 12 MB"),
    "nginx": ("nginx-light", "about 1 MB"),
    "haproxy": ("haproxy", "about 2 MB"),
}
_ASKS_VERSION: Final = {"caddy": "version", "nginx": "-v", "haproxy": "-v"}
_VERSION: Final = re.compile(r"\d+\.\d+(?:\.\d+)*")


def proxy(name: str) -> Part:
    """Returns the program the tests will use. Raises CannotBeHad."""
    try:
        return _working(name)
    except (ProxyMissing, CommandFailed) as error:
        why = str(error).rstrip(".")
    package, size = PACKAGES[name]
    to_do = f"install {package} with your system's packages and run this again"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise CannotBeHad(name, why, to_do)
    try:
        install_from_debian(name, package, size)
        return _working(name)
    except (ProxyMissing, CommandFailed) as error:
        raise CannotBeHad(name, str(error).rstrip("."), to_do) from None


def _working(name: str) -> Part:
    path = proxy_path(name)
    try:
        done = subprocess.run(
            [path, _ASKS_VERSION[name]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=VERSION_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandFailed(f"{path} does not start") from error
    found = _VERSION.search(done.stdout or done.stderr)
    if done.returncode != 0 or found is None:
        raise CommandFailed(f"{path} does not start")
    return Part(name, found.group(), path)
