"""What a peer makes of its tiles: they lead from a step of a first sync to the signed root, and show whether a log has forked.

Tiles that lie prove nothing: no step is stored under them, and nobody is accused by them.
"""

from collections.abc import Callable

import pytest

from directory.origins import Standing
from directory.store.database import Database
from federation.peers.verdicts import Verdict
from federation.tlog.tiles import Tile
from tests.federation.peers.tailing import reading
from tests.harness.clock import FakeClock
from tests.harness.peer_log import Lie, PeerLog, Reply, log_server

SIZE = 66_700
"""Tiles of three levels: the proof from a cap of 65,700 leaves needs each of them."""
CAP = 65_700
PAGE = b"<!DOCTYPE html><title>Welcome</title>"


def on_level(level: int, change: Callable[[str, bytes], bytes]) -> Lie:
    def lie(path: str, honest: Reply) -> Reply:
        is_it = path.startswith(f"/log/tile/{level}/") and honest.status == 200
        return Reply(200, change(path, honest.body)) if is_it else honest

    return lie


def flip(at: int) -> Callable[[str, bytes], bytes]:
    return lambda _, data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def everywhere(change: Callable[[bytes], bytes]) -> Lie:
    return lambda path, honest: (
        Reply(200, change(honest.body))
        if path.startswith("/log/tile/") and "entries" not in path and honest.status == 200
        else honest
    )


def is_partial(path: str) -> bool:
    return "/tile/" in path and "entries" not in path and ".p/" in path


LIES: dict[str, tuple[Lie, Verdict]] = {
    "a bit flipped at level 0": (on_level(0, flip(5)), Verdict.WRONG),
    "a bit flipped at level 1": (on_level(1, flip(5)), Verdict.WRONG),
    "the last bit flipped at level 0": (on_level(0, flip(-32)), Verdict.WRONG),
    "the last bit flipped at level 1": (on_level(1, flip(-32)), Verdict.WRONG),
    "hashes of nothing": (everywhere(lambda data: bytes(len(data))), Verdict.WRONG),
    "the hashes of another tile": (everywhere(lambda data: data[32:] + data[:32]), Verdict.WRONG),
    "a hash short": (everywhere(lambda data: data[:-32]), Verdict.WRONG),
    "a byte short": (everywhere(lambda data: data[:-1]), Verdict.WRONG),
    "a hash too many": (everywhere(lambda data: data + bytes(32)), Verdict.WRONG),
    "a byte too many": (everywhere(lambda data: data + b"\0"), Verdict.WRONG),
    "a megabyte too many": (everywhere(lambda data: data + bytes(2**20)), Verdict.WRONG),
    "empty": (everywhere(lambda _: b""), Verdict.WRONG),
    "a page of HTML": (everywhere(lambda _: PAGE), Verdict.WRONG),
    "gone": (lambda path, honest: Reply(404) if "/tile/" in path and "entries" not in path else honest, Verdict.UNAVAILABLE),
    "an error": (lambda path, honest: Reply(500) if "/tile/" in path and "entries" not in path else honest, Verdict.UNAVAILABLE),
}  # fmt: skip


@pytest.fixture(scope="module")
def grown() -> PeerLog:
    log = PeerLog(FakeClock())
    log.add_people(3)
    log.noise(SIZE - len(log.entries))
    log.publish()
    return log


async def test_no_step_is_believed_by_tiles_that_lie(
    grown: PeerLog, database: Database, clock: FakeClock
) -> None:
    """A first sync ends its steps below the signed size, where only tiles lead to the signed root."""
    log = grown
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey, growth_cap=CAP)
        known = await reader.state()
        for name, (lie, verdict) in LIES.items():
            server.lies = lie
            asked = len(server.asked)
            seen = await reader.round()
            assert seen is verdict, (name, (await reader.log())["fault"])
            assert await reader.state() == known, name
            assert len(server.asked) - asked < 100, name
            clock.advance(hours=2)
        server.lies = None
        assert await reader.round() is Verdict.STOPPED, (await reader.log())["fault"]
        assert (await reader.log())["size"] == CAP
        assert (await reader.log())["root"] == log.root(CAP)


LARGE = 200_000
"""Three nodes of level 2: the proof from a step within the first of them needs the second and the third."""
LOW_CAP = 300
AT_LEVEL_2: dict[str, tuple[Lie, Verdict]] = {
    "a bit flipped": (on_level(2, flip(33)), Verdict.WRONG),
    "the last bit flipped": (on_level(2, flip(-1)), Verdict.WRONG),
    "its hashes in another order": (on_level(2, lambda _, data: data[:32] + data[64:] + data[32:64]), Verdict.WRONG),
    "a hash short": (on_level(2, lambda _, data: data[:-32]), Verdict.WRONG),
    "gone": (lambda path, honest: Reply(404) if path.startswith("/log/tile/2/") else honest, Verdict.UNAVAILABLE),
}  # fmt: skip


async def test_the_wrong_tile_at_level_2(database: Database, clock: FakeClock) -> None:
    """A log of more than 65,536 leaves lies where its tree is high, in a tile that only large logs have."""
    log = PeerLog(clock)
    log.noise(LARGE - len(log.entries))
    log.publish()
    true = {level: await log.serve(f"/log/tile/{level}/000.p/3") or b"" for level in (1, 2)}
    lies = {**AT_LEVEL_2, "another tile": (on_level(2, lambda _, data: true[1][: len(data)]), Verdict.WRONG)}
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey, growth_cap=LOW_CAP)
        known = await reader.state()
        for name, (lie, verdict) in lies.items():
            server.lies, asked = lie, len(server.asked)
            assert await reader.round() is verdict, (name, (await reader.log())["fault"])
            assert any(path.startswith("/log/tile/2/") for path in server.asked[asked:]), name
            assert await reader.state() == known, name
            assert len(server.asked) - asked < 100, name
            clock.advance(hours=2)
        server.lies = None
        assert await reader.round() is Verdict.STOPPED, (await reader.log())["fault"]
        assert (await reader.log())["root"] == log.root(LOW_CAP)


@pytest.mark.parametrize("is_true", [True, False])
async def test_a_full_tile_in_the_place_of_a_partial_one(
    is_true: bool, grown: PeerLog, database: Database, clock: FakeClock
) -> None:
    """The log has grown, and its partial tiles are gone: of the full ones only the first hashes count, whatever follows."""
    log = grown
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey, growth_cap=CAP)

        def lie(path: str, honest: Reply) -> Reply:
            if is_partial(path):
                return Reply(404)
            if "/tile/" in path and "entries" not in path and honest.status == 404:
                full = Tile.parse(path.removeprefix("/log/"))
                count = (SIZE >> (8 * full.level)) % 256
                data = log.tile(Tile(full.level, full.index, count)) or b""
                data = data if is_true else bytes(32) + data[32:]
                return Reply(200, data + b"\7" * (8_192 - len(data)))
            return honest

        server.lies = lie
        seen = await reader.round()
        assert seen is (Verdict.STOPPED if is_true else Verdict.WRONG), (await reader.log())["fault"]
        assert (await reader.log())["size"] == (CAP if is_true else 0)


async def test_nobody_is_frozen_by_tiles_that_lie(database: Database, clock: FakeClock) -> None:
    """Whether entries that do not fit are damage or a fork is told by tiles: a mirror that garbles both would have an honest
    peer frozen."""
    log = PeerLog(clock)
    log.add_people(300)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ
        known = await reader.state()
        log.add_people(300)
        log.publish()
        for name, (lie, _) in LIES.items():
            server.lies = garbled(lie)
            clock.advance(hours=2)
            seen = await reader.round()
            assert seen in {Verdict.WRONG, Verdict.UNAVAILABLE, Verdict.DAMAGED}, name
            assert await reader.standing() is Standing.FOLLOWING
            assert await reader.state() == known
        server.lies = None
        clock.advance(hours=2)
        log.publish()
        assert await reader.round() is Verdict.READ
        await reader.check()


def garbled(lie: Lie) -> Lie:
    """Flips a bit of the last bundle as well."""

    def both(path: str, honest: Reply) -> Reply:
        if path.startswith("/log/tile/entries/002"):
            return Reply(200, flip(40)(path, honest.body))
        return lie(path, honest)

    return both
