"""Real processes under a clock that runs 400 days ahead, and then under one that is right."""

import signal
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.deploy.machines import fetch
from tests.deploy.pending import add_pending
from tests.deploy.test_restore import LOG, PATIENCE_S, Instance
from tests.harness.no_tls import NO_TLS
from tests.harness.waiting import wait_until

AHEAD: Final = timedelta(days=400)
OVER: Final = "the doubt is over, and the log goes on"


def library() -> str:
    """Returns the path of the library that shifts the clock of a process."""
    found = find_spec("libfaketime")
    assert found is not None, "`make install-dev` installs what the tests need"
    assert found.origin is not None
    return str(Path(found.origin).parent / "vendor/libfaketime/src/libfaketime.so.1")


def grow_ahead(instance: Instance, dsn: str, size: int) -> None:
    """Runs the instance under the clock that is ahead, until the log has so many leaves."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("LD_PRELOAD", library())
        patched.setenv("FAKETIME", f"+{AHEAD.days}d")
        patched.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        instance.grow(dsn, size)


def ready(instance: Instance) -> str:
    return httpx.get(f"{instance.url}/readyz", trust_env=False, verify=NO_TLS).text


def test_one_batch_under_a_clock_that_ran_ahead(folder: Path, dsn: str) -> None:
    """Attack by accident: the machine came up with a wrong clock, which was set right an hour later. The log then
    stopped until 2028, with the advice to set a clock that was right, and nobody was told."""
    instance = Instance(folder)
    add_pending(dsn, LOG, 3)
    instance.grow(dsn, 4)
    add_pending(dsn, LOG, 2, ahead=AHEAD)
    grow_ahead(instance, dsn, 6)
    assert fetch(dsn, "SELECT FROM log_state WHERE staged_at > now() + interval '399 days'")
    add_pending(dsn, LOG, 1)
    log = folder / "stderr.log"
    log.write_text("")
    with instance.command.started("serve", database_url=dsn) as running:
        running.wait_until_ready(instance.url)
        assert wait_until(lambda: "passerelle recover --clock" in log.read_text(), PATIENCE_S), (
            log.read_text()
        )
        assert ready(instance) == "ready\npublishing waits\n"
        asked = instance.command.run("recover", "--clock", said="n\n", database_url=dsn)
        assert asked.code == 130
        assert "2 leaves are from the future" in asked.err
        assert fetch(dsn, "SELECT FROM log_state WHERE staged_at > now() + interval '399 days'"), "not yet"
        asked = instance.command.run("recover", "--clock", said="y\n", database_url=dsn)
        assert (asked.code, "2 mappings are published again" in asked.out) == (0, True), asked
        # One that waited, two anew, and the revokes of the two from the future.
        assert wait_until(lambda: (seen := instance.checkpoint()) is not None and seen.size == 11, PATIENCE_S)
        assert wait_until(lambda: OVER in log.read_text(), PATIENCE_S), log.read_text()
        assert ready(instance) == "ready\n"
        running.send(signal.SIGTERM)
        assert running.wait() == 0
    assert fetch(dsn, "SELECT FROM mapping WHERE issued > now()") == []
    asked = instance.command.run("recover", "--clock", said="y\n", database_url=dsn)
    assert (asked.code, "nothing to recover" in asked.sentence) == (1, True)
    assert instance.command.run("fsck", database_url=dsn).code == 0
