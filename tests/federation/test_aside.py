"""The log's own thread."""

import asyncio
import threading

from federation.aside import run_aside


async def test_what_strangers_have_unpacked_does_not_stand_before_it() -> None:
    """Sixty archives held up the next piece of the log for 12 s: both waited for the same threads."""
    may_end = threading.Event()
    strangers = [asyncio.create_task(asyncio.to_thread(may_end.wait)) for _ in range(64)]
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(20):
            assert await run_aside(threading.current_thread) is not threading.current_thread()
        assert not any(task.done() for task in strangers)
    finally:
        may_end.set()
        await asyncio.gather(*strangers)
