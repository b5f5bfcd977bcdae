"""The web processes of an instance, as the system shows them."""

import psutil

from deploy.embedded.locks import wait_until
from tests.deploy.machines import PATIENCE_S
from tests.harness.command import Started

MODULE = "deploy.cli.web_process"


def web_processes(parent: int) -> list[psutil.Process]:
    """The web processes of a parent that run, the oldest first."""
    try:
        children = psutil.Process(parent).children()
    except psutil.NoSuchProcess:
        return []
    found = [child for child in children if is_web_process(child)]
    return sorted(found, key=lambda child: (child.create_time(), child.pid))


def is_web_process(process: psutil.Process) -> bool:
    """Tells whether it runs, and is one."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE and MODULE in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def wait_until_serving(running: Started, count: int = 2, times: int = 1) -> list[psutil.Process]:
    """Waits until so many web processes serve, and have been told to so often. Returns them."""

    def serving() -> bool:
        return running.logged().count('"event": "a web process serves"') >= times * count

    assert wait_until(serving, PATIENCE_S), running.logged()
    found = web_processes(running.process.pid)
    assert len(found) == count, running.logged()
    return found


def all_gone(processes: list[psutil.Process]) -> bool:
    """Tells whether none of them runs."""
    return not any(map(is_web_process, processes))
