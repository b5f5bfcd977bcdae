"""The mark of what was signed is lost, on a real instance: nothing is signed, and its operator is told how to go on."""

import signal
from pathlib import Path
from typing import Final

from federation.keys.instance import MARK_FILE
from tests.deploy.machines import fetch
from tests.deploy.pending import add_pending
from tests.deploy.test_restore import LOG, PATIENCE_S, Instance
from tests.harness.waiting import wait_until

MISSING: Final = "signed.checkpoint, which says what was signed last, is missing from the folder of keys"


def test_a_lost_mark_stops_the_log_until_its_operator_has_confirmed(folder: Path, dsn: str) -> None:
    """Attack by accident: an older database, the keys, and no mark, as one is told to restore them. The log forked, and
    the doctor said that all was well."""
    instance = Instance(folder)
    add_pending(dsn, LOG, 3)
    instance.grow(dsn, 4)
    mark = folder / "data" / "keys" / MARK_FILE
    mark.unlink()
    add_pending(dsn, LOG, 2)
    log = folder / "stderr.log"
    log.write_text("")
    with instance.command.started("serve", database_url=dsn) as running:
        running.wait_until_ready(instance.url)
        assert wait_until(lambda: MISSING in log.read_text(), PATIENCE_S), log.read_text()
        assert fetch(dsn, "SELECT FROM log_state WHERE staged_size = 4"), "nothing is staged either"
        running.send(signal.SIGTERM)
        assert running.wait() == 0
    shown = instance.command.run("doctor", database_url=dsn)
    words = " ".join(shown.out.split())
    assert (shown.code, "✗ Signed log" in words, "--confirm" in words) == (1, True, True), shown.out

    for said in ("", "n\n"):
        asked = instance.command.run("recover", "--confirm", "4", said=said, database_url=dsn)
        assert (asked.code, mark.exists()) == (130, False), asked
        assert ("nobody answered, so it ends here: run this on a terminal.\n" in asked.err) is (said == "")
        assert f"holds 4 leaves of {LOG} as signed, written at 20" in asked.err
        assert "will see a fork" in asked.err
    asked = instance.command.run("recover", "--confirm", "5", said="y\n", database_url=dsn)
    assert (asked.code, mark.exists()) == (1, False)
    assert "holds 4 leaves as signed, and not 5. Nothing was signed." in asked.sentence
    asked = instance.command.run("recover", "--confirm", "4", said="y\n", database_url=dsn)
    assert (asked.code, mark.exists(), "The mark is written." in asked.out) == (0, True, True), asked
    instance.grow(dsn, 6)
    assert instance.command.run("fsck", database_url=dsn).code == 0
