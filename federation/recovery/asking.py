"""Asks peers what they have of our own log: all at once, and for a bounded time."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from federation.errors import FederationError
from federation.keys.operations import MAX_OPERATIONS_BYTES
from federation.recovery.believing import Told
from federation.recovery.copies import Copy, PeerFailed
from federation.tlog.note import MAX_NOTE_BYTES

ASK_S: Final = 10.0
"""How long the sequencer waits for all peers together before it signs."""
MAX_ASKED: Final = 100
"""More peers than this say nothing that these do not."""
MAX_DOCUMENTS_BROUGHT: Final = 2_000
"""Documents that are fetched from one peer: more than a log makes in its life."""


async def ask_checkpoints(copies: Sequence[Copy], within_s: float = ASK_S) -> list[Told]:
    """Asks all peers for the newest checkpoints of our log, in parallel. Each is told of, also one that does not answer."""
    return list(await asyncio.gather(*(_ask(copy, within_s) for copy in copies[:MAX_ASKED])))


async def _ask(copy: Copy, within_s: float) -> Told:
    try:
        async with asyncio.timeout(within_s):
            notes = await copy.checkpoints()
    except PeerFailed as error:
        return Told(copy.address, fault=str(error))
    except TimeoutError:
        return Told(copy.address, fault=f"it does not answer within {within_s:g} s")
    if any(len(note) > MAX_NOTE_BYTES for note in notes):
        return Told(copy.address, fault="what it shows is longer than any checkpoint")
    return Told(copy.address, notes)


async def fetch_documents(copy: Copy, first: int) -> list[bytes]:
    """Fetches the operations documents of our log from number `first` on, as many as the peer has. They are not
    verified."""
    found: list[bytes] = []
    with suppress(FederationError):
        while len(found) < MAX_DOCUMENTS_BROUGHT:
            note = await copy.document(first + len(found))
            if note is None or len(note) > MAX_NOTE_BYTES + MAX_OPERATIONS_BYTES:
                break
            found.append(note)
    return found
