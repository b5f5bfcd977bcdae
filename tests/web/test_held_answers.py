"""Whoever asks for pages and files of long lists, and does not read them, holds a bounded part of the memory."""

import asyncio
from typing import Any, Final

import httpx
import pytest
from litestar import Response
from litestar.testing import RequestFactory

from tests.harness.instance import RunningInstance
from tests.web.test_sent_in_pieces import Reader, settle
from web.held_answers import HeldAnswer
from web.middleware.bodies import FREE_BYTES, TooManyBodies
from web.unsent import UnsentAnswers

COUNTED: Final = 40


def answer(held: UnsentAnswers, key: bytes = b"one", size: int = FREE_BYTES + COUNTED) -> Any:
    made = Response(bytes(size), media_type="text/csv", headers={"cache-control": "no-store"})
    made.set_cookie("lang", "de")
    return HeldAnswer(made, held, key).to_asgi_response(app=None, request=RequestFactory().get("/"))


async def test_whoever_reads_nothing_holds_half_and_no_more() -> None:
    """Attack: each file was held for as long as 64 KiB of it were read in a minute, and nobody counted how many."""
    held, idle, other = UnsentAnswers(2 * COUNTED), Reader(0), Reader(100)
    sending = idle.start(answer(held))
    await settle()
    refused = Reader(100)
    with pytest.raises(TooManyBodies):
        await refused.start(answer(held))
    assert refused.got == []
    await refused.start(answer(held, size=FREE_BYTES))
    await other.start(answer(held, b"two"))
    sending.cancel()
    await asyncio.wait({sending})
    await other.start(answer(held))


async def test_the_answer_is_what_was_made() -> None:
    reader = Reader(100)
    await reader.start(answer(UnsentAnswers(2 * COUNTED)))
    begin, *sent = reader.got
    assert begin["status"] == 200
    assert sorted(name for name, _ in begin["headers"]) == [
        b"cache-control",
        b"content-length",
        b"content-type",
        b"set-cookie",
    ]
    assert [len(message["body"]) for message in sent] == [FREE_BYTES, COUNTED, 0]
    assert not any(any(message["body"]) for message in sent)


@pytest.mark.parametrize("action", ["json", "show"])
def test_pages_and_files_of_lists_are_counted(
    instance: RunningInstance, client: httpx.Client, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    monkeypatch.setattr("web.held_answers.FREE_BYTES", 0)
    parts = {"pairs": (None, "12,,f"), "do": (None, action)}
    assert client.post("/results", files=parts).status_code == 200
    monkeypatch.setattr(instance.services.held_answers, "_total", 0)
    refused = client.post("/results", files=parts)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "60")


@pytest.mark.parametrize("is_api", [True, False])
def test_the_networks_of_one_customer_are_one_caller(
    instance: RunningInstance, client: httpx.Client, monkeypatch: pytest.MonkeyPatch, *, is_api: bool
) -> None:
    """Attack: a list from each network of a /48, of whose answers nothing is read. Nobody held more than a newcomer, who was refused."""
    addresses = [f"2001:db8:1:{number}::1" for number in range(3)]
    held, seen = instance.services.held_answers, set[bytes]()

    def holding(key: bytes, size: int) -> Any:
        seen.add(key)
        return UnsentAnswers.holding(held, key, size)

    monkeypatch.setattr("web.held_answers.FREE_BYTES", 0)
    monkeypatch.setattr(held, "holding", holding)
    for address in addresses:
        monkeypatch.setattr("web.middleware.rate_limit._address", lambda *_, address=address: address)
        if is_api:
            answered = client.post("/api/v1/match", json={"pairs": [["12", None]]})
        else:
            answered = client.post("/results", files={"pairs": (None, "12,,f"), "do": (None, "show")})
        assert answered.status_code == 200, answered.text
    assert len(seen) == 1
