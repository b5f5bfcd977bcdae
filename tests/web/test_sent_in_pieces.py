"""An answer to a list is dropped as it is sent, and what is not sent yet is bounded, for each caller and over all."""

import asyncio
from typing import Any

import pytest

from web.api.answers import PiecesResponse
from web.middleware.bodies import TooManyBodies
from web.unsent import LEAST_ANSWER_BYTES, UnsentAnswers, room_for_answers

SCOPE: Any = {"type": "http"}


class Reader:
    """A client that reads as many messages as it is let."""

    def __init__(self, reads: int) -> None:
        self.let = asyncio.Semaphore(reads)
        self.got: list[Any] = []

    async def send(self, message: Any) -> None:
        await self.let.acquire()
        self.got.append(message)

    def start(self, answer: PiecesResponse) -> asyncio.Task[None]:
        receive: Any = None
        return asyncio.create_task(answer(SCOPE, receive, self.send))


def pieces() -> list[bytes]:
    return [bytes([65 + number]) * 10 for number in range(4)]


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_pieces_are_dropped_once_they_are_sent() -> None:
    held, reader, answer = UnsentAnswers(80), Reader(3), pieces()
    sending = reader.start(PiecesResponse(answer, held, b"one"))
    await settle()
    assert len(answer) <= 2
    assert await has_room(held, b"one", 20)
    assert not await has_room(held, b"one", 21)
    sending.cancel()
    await asyncio.wait({sending})
    assert answer == []
    assert await has_room(held, b"one", 40)


async def test_the_answer_is_what_the_pieces_are() -> None:
    held, reader = UnsentAnswers(80), Reader(100)
    await reader.start(PiecesResponse(pieces(), held, b"one"))
    assert reader.got[0]["status"] == 200
    assert (b"content-length", b"40") in reader.got[0]["headers"]
    assert b"".join(message["body"] for message in reader.got[1:]) == b"".join(pieces())
    assert [message["more_body"] for message in reader.got[1:]] == [True] * 4 + [False]
    assert await has_room(held, b"one", 40)


async def test_whoever_reads_nothing_holds_half_and_no_more() -> None:
    """Attack: somebody asks for thirty long lists a minute, reads none of the answers, and each stays in memory."""
    held, idle, other = UnsentAnswers(80), Reader(0), Reader(100)
    sending = idle.start(PiecesResponse(pieces(), held, b"one"))
    await settle()
    refused = Reader(100)
    with pytest.raises(TooManyBodies):
        await refused.start(PiecesResponse(pieces(), held, b"one"))
    assert refused.got == []
    await other.start(PiecesResponse(pieces(), held, b"two"))
    sending.cancel()
    await asyncio.wait({sending})
    await other.start(PiecesResponse(pieces(), held, b"one"))


async def test_each_process_has_room_for_the_longest_answer() -> None:
    assert await has_room(room_for_answers(64), b"one", LEAST_ANSWER_BYTES // 2)


async def test_two_who_read_nothing_keep_nobody_out() -> None:
    """Attack: two callers held all the room, and every long answer to anybody else was refused for as long as they read 64 KiB
    in a minute."""
    held = UnsentAnswers(80)
    idle = [Reader(1), Reader(1)]
    sending = [
        reader.start(PiecesResponse(pieces(), held, key))
        for reader, key in zip(idle, (b"1", b"2"), strict=True)
    ]
    await settle()
    other = Reader(100)
    await other.start(PiecesResponse(pieces()[:1], held, b"three"))
    assert len(other.got) == 3
    await settle()
    assert [task.done() for task in sending] == [True, False]
    assert not sending[0].exception(), "it breaks off, and nothing has failed"
    assert len(idle[0].got) == 1
    sending[1].cancel()
    await asyncio.wait(sending)
    assert not held._of
    assert not held._answers


async def test_nobody_who_holds_less_ends_for_another() -> None:
    """Else whoever asks for the most would have everybody else broken off."""
    held = UnsentAnswers(80)
    readers = [Reader(0) for _ in range(8)]
    sending = [
        reader.start(PiecesResponse(pieces()[:1], held, bytes([number])))
        for number, reader in enumerate(readers)
    ]
    await settle()
    assert not await has_room(held, b"more", 10)
    await settle()
    assert not any(task.done() for task in sending)
    for task in sending:
        task.cancel()
    await asyncio.wait(sending)
    assert await has_room(held, b"more", 10)


async def test_a_timeout_of_what_sends_is_a_failure() -> None:
    """Only whose room went to others breaks off without one."""

    async def send(message: object) -> None:
        raise TimeoutError

    held, receive = UnsentAnswers(80), None
    answer: Any = PiecesResponse(pieces(), held, b"one")
    with pytest.raises(TimeoutError):
        await answer(SCOPE, receive, send)


async def has_room(held: UnsentAnswers, key: bytes, size: int) -> bool:
    try:
        async with held.holding(key, size):
            return True
    except TooManyBodies:
        return False
