"""An instance changes its domain: its log says where it goes on, revokes all that it said, and begins anew."""

from pathlib import Path

import pytest

from directory.mapping_life import MappingState
from directory.secret_files.steps import sync_folder
from directory.store.database import Database
from federation.errors import LogRefused, RecoveryNotConfirmed
from federation.fsck.run import check_database_log
from federation.keys.chain import open_chain, open_first_operations, parse_operations_note
from federation.keys.instance import KeyFolder
from federation.keys.moving import is_same_house
from federation.keys.rotate import RotationTooEarly
from federation.own_log import moving as moving_module
from federation.own_log.moving import Moved, Moving, announce_move
from federation.own_log.sequencer import Sequencer
from federation.protocol.entry import RevokeEntry, parse_entry
from federation.tlog.bundles import decode_bundle
from tests.federation.faults import Crash
from tests.federation.log_harness import HOST, ORIGIN, LogHarness
from tests.harness.clock import FakeClock

NEW_HOST = "new.example"
NEW = "new.example/log"


@pytest.fixture
def harness(database: Database, folder: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, folder / "data", clock)


def moving(harness: LogHarness) -> Moving:
    return Moving(
        harness.database,
        harness.keys,
        NEW_HOST,
        harness.clock,
        lambda origin: Sequencer(harness.keys, origin, harness.clock),
    )


async def announce(harness: LogHarness) -> None:
    await harness.run()
    harness.clock.advance(hours=2)
    await announce_move(harness.database, harness.keys, NEW_HOST, harness.clock, None)
    await harness.run()


async def documents(harness: LogHarness) -> list[bytes]:
    rows = await harness.fetch("SELECT note FROM log_operations ORDER BY number")
    return [bytes(row["note"]) for row in rows]


async def test_the_log_goes_on_under_another_name(harness: LogHarness) -> None:
    await harness.add_pending(5)
    await harness.run()
    await harness.withdraw([2])
    await announce(harness)
    await harness.add_pending(1)
    await harness.run()
    await harness.check()
    old = open_chain(await documents(harness), harness.first_key)
    assert old[-1].moved_to is not None

    moved = await moving(harness).finish()
    assert (moved.waiting, moved.away.name.startswith("keys-one.example-")) == (5, True)
    assert await harness.fetch("SELECT FROM log_state") == []
    await harness.run(Sequencer(harness.keys, NEW, harness.clock))
    [first] = await documents(harness)
    new = open_first_operations(first, old[-1].moved_to)
    assert is_same_house(old, new)
    assert await harness.live_leaves() == [1, 2, 3, 4, 5]
    assert await harness.fetch("SELECT DISTINCT name FROM mapping m JOIN origin o ON o.id = m.origin") == [
        {"name": NEW}
    ]
    report = await check_database_log(harness.database, now=harness.clock.now())
    assert report.is_clean, report.sentences


async def test_the_former_log_is_left_as_files_in_which_nothing_holds(harness: LogHarness) -> None:
    """Attack by accident: what a member withdraws after the move would go on answering at peers of the former log, which
    nobody could revoke any more."""
    await harness.add_pending(3)
    await announce(harness)
    moved = await moving(harness).finish()
    log = moved.files / "log"
    assert moved.files.name == HOST
    text = (log / "checkpoint").read_text()
    assert text.startswith(f"{ORIGIN}\n8\n")
    entries = decode_bundle((log / "tile" / "entries" / "000.p" / "8").read_bytes(), 8)
    revoked = sorted(entry.target for entry in map(parse_entry, entries) if isinstance(entry, RevokeEntry))
    assert revoked == [1, 2, 3]
    document, _ = parse_operations_note((log / "operations" / "1").read_bytes())
    assert document.moved_to is not None


async def test_a_move_is_not_finished_before_it_was_announced(harness: LogHarness) -> None:
    await harness.add_pending(1)
    await harness.run()
    with pytest.raises(LogRefused, match=r"no move to new\.example/log was announced"):
        await moving(harness).finish()
    harness.clock.advance(hours=2)
    await announce_move(harness.database, harness.keys, NEW_HOST, harness.clock, None)
    with pytest.raises(LogRefused, match="does not say that it moves"):
        await moving(harness).finish()
    await harness.run()
    await moving(harness).finish()


async def test_nothing_is_made_where_the_move_is_refused(harness: LogHarness) -> None:
    await harness.run()

    def refuse(recovery: object) -> bool:
        raise RecoveryNotConfirmed("no")

    beside = KeyFolder(harness.keys.path.parent, "keys-new.example")
    with pytest.raises(RotationTooEarly):
        await announce_move(harness.database, harness.keys, NEW_HOST, harness.clock, None)
    harness.clock.advance(hours=2)
    with pytest.raises(RecoveryNotConfirmed):
        await announce_move(harness.database, harness.keys, NEW_HOST, harness.clock, refuse)
    assert not beside.exists()
    await announce_move(harness.database, harness.keys, NEW_HOST, harness.clock, None)
    with pytest.raises(LogRefused, match="waits to be published"):
        await announce_move(harness.database, harness.keys, NEW_HOST, harness.clock, None)
    await harness.run()
    again = await announce_move(harness.database, harness.keys, NEW_HOST, harness.clock, None)
    assert (again.new, again.document) == (None, None)


STEPS = ("say_mappings_anew", "store_lost", "write_static_copy", "put_log_away", "sync_folder", "record_keys")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
async def test_a_move_that_was_killed_is_finished(
    harness: LogHarness, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    await harness.add_pending(4)
    await announce(harness)
    true = getattr(moving_module, step)

    async def strike(*args: object, **options: object) -> object:
        if when == "after":
            await true(*args, **options)
        raise Crash

    def strike_folder(path: Path) -> None:
        if when == "after":
            sync_folder(path)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(moving_module, step, strike_folder if step == "sync_folder" else strike)
        with pytest.raises(Crash):
            await moving(harness).finish()
    if harness.keys.path.exists() and harness.keys.read().origin == NEW:
        moved: Moved | None = None
    else:
        moved = await moving(harness).finish()
    assert moved is None or moved.waiting == 4
    await harness.run(Sequencer(harness.keys, NEW, harness.clock))
    assert await harness.live_leaves() == [1, 2, 3, 4]
    assert {row["state"] for row in await harness.fetch("SELECT state FROM mapping")} == {MappingState.ACTIVE}
    report = await check_database_log(harness.database, now=harness.clock.now())
    assert report.is_clean, report.sentences
