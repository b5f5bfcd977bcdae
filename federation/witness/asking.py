"""Asks peers what they have cosigned of our own log. https://c2sp.org/tlog-witness@v1.0.0"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from directory.networks.errors import NetworkError
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from federation.errors import Malformed, UntrustedNote
from federation.store.peer_chains import KnownPeer
from federation.tlog.checkpoint import LogTrust, SignedCheckpoint, open_checkpoint
from federation.tlog.keys import VerifierKey
from federation.tlog.note import MAX_NOTE_BYTES, NoteVerifier

PREFIX: Final = "/federation/v1/"
NOTE_LIMITS: Final = Limits(max_body_bytes=MAX_NOTE_BYTES)
OK: Final = 200
AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Shown:
    """A checkpoint of a log that a peer has shown, verified under the keys of that log."""

    peer: KnownPeer
    signed: SignedCheckpoint

    @property
    def size(self) -> int:
        return self.signed.checkpoint.size


async def ask_newest(
    client: GuardedClient, peers: Sequence[KnownPeer], origin: str, keys: Sequence[VerifierKey]
) -> Shown | None:
    """Asks peers for the newest checkpoint of the log `origin` that their witnesses have cosigned.

    Returns the largest that one of `keys` has signed, of the log's own lines; None where no peer shows one. A peer can
    withhold what it knows, and cannot make anything up: ask as many as there are.
    """
    room = asyncio.Semaphore(AT_ONCE)

    async def ask(peer: KnownPeer) -> Shown | None:
        async with room:
            return await ask_one(client, peer, origin, keys)

    shown = await asyncio.gather(*map(ask, peers))
    return max(filter(None, shown), key=lambda each: each.size, default=None)


async def ask_one(
    client: GuardedClient, peer: KnownPeer, origin: str, keys: Sequence[VerifierKey]
) -> Shown | None:
    """Asks one peer. Returns None where it does not answer, or shows nothing that one of `keys` has signed."""
    digest = sha256(origin.encode()).hexdigest()
    try:
        answer = await client.get(f"{peer.address}{PREFIX}{digest}/checkpoint", limits=NOTE_LIMITS)
        if answer.status != OK:
            return None
        trust = LogTrust(origin, tuple(map(NoteVerifier, keys)))
        return Shown(peer, open_checkpoint(answer.body, trust))
    except (NetworkError, Malformed, UntrustedNote):
        return None
