"""The load of the benches."""

import asyncio

from deploy.bench.load import get_request, measure_load

ANSWER = b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\n{}"


async def test_a_server_that_is_busy_for_all_of_the_time_is_measured() -> None:
    """It answers the first requests after the time is over: none was asked after those that warm it up."""
    asked = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await asyncio.sleep(0.1)
        writer.write(ANSWER)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        load = await measure_load(port, [get_request("/")], connections=2, seconds=0.05)
    assert (load.requests, load.asked) == (2, 2)
    assert load.p99 >= load.p50 >= 0.1
