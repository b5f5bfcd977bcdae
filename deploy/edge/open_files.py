"""How many files a process may have open, which bounds its connections."""

import resource
from typing import Final

from deploy.edge.loop import GuardingLoop, guarding_loop
from deploy.edge.places import EdgeLimits
from directory.settings import Settings

MOST_FILES: Final = 65_536
"""More are of no use, and some systems allow a billion, over which programs loop."""
KEPT_FILES: Final = 256
"""Left to the database, other servers, and files of the log."""
MOST_CONNECTIONS: Final = 4_096
"""Of all web processes together."""


def raise_open_files() -> int:
    """Raises the limit of this process as far as the system allows. Returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MOST_FILES if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        return soft
    return wanted


def limits_for(open_files: int, *, is_behind_proxy: bool, processes: int = 1) -> EdgeLimits:
    """Returns how many connections fit, in each of so many processes. Half of them are one address's at most, where callers
    connect themselves: behind a proxy all come from it."""
    connections = max(16, min(MOST_CONNECTIONS // processes, open_files - KEPT_FILES))
    return EdgeLimits(connections, connections if is_behind_proxy else connections // 2)


def new_loop(settings: Settings) -> GuardingLoop:
    """Returns the event loop that a server runs on, after raising the limit of open files."""
    limits = limits_for(
        raise_open_files(), is_behind_proxy=settings.trusted_proxies > 0, processes=settings.workers
    )
    return guarding_loop(limits)
