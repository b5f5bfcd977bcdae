"""An answer to a list is dropped as it is sent, and what is not sent yet is bounded, for each caller and over all."""

import asyncio
from typing import Any

import pytest

from web.api.answers import PiecesResponse
from web.middleware.bodies import LEAST_ANSWER_BYTES, HeldBytes, TooManyBodies, room_for_answers

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
    held, reader, answer = HeldBytes(80), Reader(3), pieces()
    sending = reader.start(PiecesResponse(answer, held, b"one"))
    await settle()
    assert len(answer) <= 2
    held.take_now(b"one", 20)
    with pytest.raises(TooManyBodies):
        held.take_now(b"one", 1)
    sending.cancel()
    await asyncio.wait({sending})
    assert answer == []
    held.take_now(b"one", 20)


async def test_the_answer_is_what_the_pieces_are() -> None:
    held, reader = HeldBytes(80), Reader(100)
    await reader.start(PiecesResponse(pieces(), held, b"one"))
    assert reader.got[0]["status"] == 200
    assert (b"content-length", b"40") in reader.got[0]["headers"]
    assert b"".join(message["body"] for message in reader.got[1:]) == b"".join(pieces())
    assert [message["more_body"] for message in reader.got[1:]] == [True] * 4 + [False]
    held.take_now(b"one", 40)


async def test_whoever_reads_nothing_holds_half_and_no_more() -> None:
    """Attack: somebody asks for thirty long lists a minute, reads none of the answers, and each stays in memory."""
    held, idle, other = HeldBytes(80), Reader(0), Reader(100)
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


def test_each_process_has_room_for_the_longest_answer() -> None:
    room_for_answers(64).take_now(b"one", LEAST_ANSWER_BYTES // 2)
