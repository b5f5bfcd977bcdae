"""What bodies hold and how long they take is bounded, for each caller and over all."""

import asyncio
from typing import Any

import pytest
from litestar.types import Message, Receive, Scope, Send

from web.middleware import bodies, leftovers
from web.middleware.bodies import BodiesMiddleware, BodyTooSlow, HeldBytes, TooManyBodies
from web.middleware.leftovers import LeftoversMiddleware
from web.middleware.rate_limit import ClientKeys

KIB = 1_024
TIMEOUT_S = 30


async def read_all(scope: Scope, receive: Receive, send: Send) -> None:
    message: Any = {"more_body": True}
    while message.get("more_body"):
        message = await receive()


async def send_nothing(_: Message) -> None:
    return None


def scope(address: str = "192.0.2.1") -> Any:
    headers = [(b"content-length", b"1000000")]
    return {"type": "http", "path": "/", "client": (address, 1), "headers": headers}


def sends(*pieces: bytes, then_waits: bool = False) -> Receive:
    left = list(pieces)

    async def receive() -> Any:
        if not left and then_waits:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left) or then_waits}

    return receive


async def test_a_body_that_comes_too_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte each fifteen seconds kept a request, and what was read of it, for ever."""
    monkeypatch.setattr(bodies, "SLOW_AFTER_S", 0.1)
    guarded = BodiesMiddleware(read_all, ClientKeys(0), KIB)
    async with asyncio.timeout(TIMEOUT_S):
        with pytest.raises(BodyTooSlow):
            await guarded(scope(), sends(b"x", then_waits=True), send_nothing)


async def test_a_body_that_takes_too_long_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_S", 0.1)
    guarded = BodiesMiddleware(read_all, ClientKeys(0), KIB)
    async with asyncio.timeout(TIMEOUT_S):
        with pytest.raises(BodyTooSlow):
            await guarded(scope(), sends(bytes(60 * KIB), then_waits=True), send_nothing)


async def test_a_whole_body_is_followed_by_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """News of runs are open for minutes after a request that was read long ago."""
    monkeypatch.setattr(bodies, "BODY_S", 0.0)
    seen: list[str] = []

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        monkeypatch.setattr(bodies, "BODY_S", 900.0)
        await receive()
        monkeypatch.setattr(bodies, "BODY_S", 0.0)
        seen.append((await receive())["type"])

    answers: list[Any] = [{"type": "http.request", "body": b"x"}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return answers.pop(0)

    await BodiesMiddleware(waits, ClientKeys(0), KIB)(scope(), receive, send_nothing)
    assert seen == ["http.disconnect"]


async def test_one_caller_holds_half_and_frees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "ROOM_WAIT_S", 0.05)
    held = HeldBytes(100)
    await held.take(b"one", 50)
    with pytest.raises(TooManyBodies):
        await held.take(b"one", 1)
    await held.take(b"two", 50)
    with pytest.raises(TooManyBodies):
        await held.take(b"three", 1)
    held.free(b"one", 50)
    await held.take(b"three", 50)


async def test_the_networks_of_one_customer_hold_half_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider gives a customer a /48: two of its 65,536 networks held all there was, and nobody else could send an archive."""
    monkeypatch.setattr(bodies, "HELD_BYTES", 0)
    monkeypatch.setattr(bodies, "ROOM_WAIT_S", 0.05)
    guarded = BodiesMiddleware(read_all, ClientKeys(0), 200 * KIB)  # 600 KiB in all
    large = bytes(64 * KIB + 200 * KIB)
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(
            guarded(scope("2001:db8:1:1::1"), sends(large, then_waits=True), send_nothing)
        )
        await asyncio.sleep(0)
        with pytest.raises(TooManyBodies):
            await guarded(scope("2001:db8:1:2::1"), sends(large), send_nothing)
        await guarded(scope("2001:db8:2:1::1"), sends(large), send_nothing)
        sending.cancel()


async def test_bodies_that_stand_still_keep_nobody_from_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack: two addresses send most of a large form each, fast, and then nothing: for a quarter of an hour each they held
    all that bodies may, and nobody else could send an archive."""
    monkeypatch.setattr(bodies, "HELD_BYTES", 0)
    monkeypatch.setattr(bodies, "STANDS_STILL_S", 0.05, raising=False)
    monkeypatch.setattr(bodies, "LOOK_EVERY_S", 0.01, raising=False)
    monkeypatch.setattr(bodies, "ROOM_WAIT_S", 5.0)
    guarded = BodiesMiddleware(read_all, ClientKeys(0), 200 * KIB)  # 600 KiB in all
    most = bytes(64 * KIB + 300 * KIB)
    theirs = [
        asyncio.create_task(guarded(scope(f"192.0.2.{number}"), sends(most, then_waits=True), send_nothing))
        for number in (1, 2)
    ]
    await asyncio.sleep(0.1)
    for _ in range(3):
        async with asyncio.timeout(TIMEOUT_S):
            await guarded(scope("198.51.100.1"), sends(bytes(64 * KIB + 200 * KIB)), send_nothing)
    done, waiting = await asyncio.wait(theirs, timeout=0.1)
    assert [type(each.exception()) for each in done] == [TooManyBodies]
    for each in waiting:
        each.cancel()


async def test_a_body_that_comes_gives_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "HELD_BYTES", 0)
    monkeypatch.setattr(bodies, "STANDS_STILL_S", 0.3, raising=False)
    monkeypatch.setattr(bodies, "STEP_BYTES", KIB, raising=False)
    monkeypatch.setattr(bodies, "LOOK_EVERY_S", 0.01, raising=False)
    monkeypatch.setattr(bodies, "ROOM_WAIT_S", 1.0)
    guarded = BodiesMiddleware(read_all, ClientKeys(0), 200 * KIB)

    def comes(first: int) -> Receive:
        left = [bytes(first), *(bytes(2 * KIB) for _ in range(40))]

        async def receive() -> Any:
            await asyncio.sleep(0.05)
            return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

        return receive

    theirs = [
        asyncio.create_task(guarded(scope(f"192.0.2.{number}"), comes(64 * KIB + 220 * KIB), send_nothing))
        for number in (1, 2)
    ]
    await asyncio.sleep(0.2)
    with pytest.raises(TooManyBodies):
        await guarded(scope("198.51.100.1"), sends(bytes(64 * KIB + 200 * KIB)), send_nothing)
    async with asyncio.timeout(TIMEOUT_S):
        await asyncio.gather(*theirs)


async def test_who_waits_for_room_gets_it() -> None:
    held = HeldBytes(100)
    await held.take(b"one", 50)
    waiting = [asyncio.create_task(held.take(b"one", 25)) for _ in range(2)]
    await asyncio.sleep(0)
    held.free(b"one", 50)
    async with asyncio.timeout(TIMEOUT_S):
        await asyncio.gather(*waiting)


async def test_what_was_held_is_free_after_the_answer_and_after_a_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bodies, "HELD_BYTES", 0)
    monkeypatch.setattr(bodies, "ROOM_WAIT_S", 0.05)

    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        await read_all(scope, receive, send)
        raise ZeroDivisionError

    guarded = BodiesMiddleware(fails, ClientKeys(0), 256 * KIB)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            await guarded(scope(), sends(bytes(300 * KIB)), send_nothing)
    with pytest.raises(TooManyBodies):
        await guarded(scope(), sends(bytes(500 * KIB)), send_nothing)


async def test_what_is_left_of_a_body_is_taken_while_the_answer_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that puts pieces into a queue waits for ever where nobody takes them: its answer never ended."""
    monkeypatch.setattr(leftovers, "LINGER_S", 0.05)
    queue: asyncio.Queue[Any] = asyncio.Queue(1)

    async def answers(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            for _ in range(3):
                await queue.put({"type": "http.request", "body": b"x", "more_body": True})
            await queue.put({"type": "http.disconnect"})

    async with asyncio.timeout(TIMEOUT_S):
        await LeftoversMiddleware(answers)(scope(), queue.get, send)


async def test_the_rest_of_a_body_is_taken_before_the_answer_ends() -> None:
    """A browser that was cut off while it sent showed that the connection broke, and not what was wrong with the archive."""
    left = [{"type": "http.request", "body": b"x", "more_body": number < 3} for number in range(4)]

    async def receive() -> Any:
        return left.pop(0)

    async def answers(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 413, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def send(message: Message) -> None:
        assert message["type"] == "http.response.start" or not left

    async with asyncio.timeout(TIMEOUT_S):
        await LeftoversMiddleware(answers)(scope(), receive, send)
