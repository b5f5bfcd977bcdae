"""Introduces another instance: fetches its descriptor and its operations documents, for an operator to compare.

Nothing here is believed. What counts are the fingerprints, which the operator has by another way.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from directory.clock import Clock
from directory.networks.answers import Answer
from directory.networks.errors import NetworkError
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from federation.errors import (
    IntroductionFailed,
    Malformed,
    UntrustedNote,
    UntrustedOperations,
)
from federation.keys.chain import (
    in_force,
    index_in_force,
    open_chain,
    parse_operations_note,
    strip_operations,
)
from federation.keys.fingerprints import to_words
from federation.keys.operations import Operations
from federation.peers.addresses import PeerAddress
from federation.protocol.descriptor import (
    DESCRIPTOR_PATH,
    MAX_DESCRIPTOR_BYTES,
    Descriptor,
    parse_descriptor,
)
from federation.protocol.peer import Shown
from federation.tlog.checkpoint import LogTrust, open_checkpoint
from federation.tlog.keys import VerifierKey
from federation.tlog.note import MAX_NOTE_BYTES, NoteVerifier, parse_note

OK: Final = 200
NOT_FOUND: Final = 404
AT_ONCE: Final = 4
"""Documents that are fetched at the same time."""
_DESCRIPTOR_LIMITS: Final = Limits(max_body_bytes=MAX_DESCRIPTOR_BYTES)
_NOTE_LIMITS: Final = Limits(max_body_bytes=MAX_NOTE_BYTES)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is read of an instance that nobody knows."""

    documents: int
    seconds: float


FOR_OPERATORS: Final = Bounds(documents=2_100, seconds=120)
FOR_STRANGERS: Final = Bounds(documents=64, seconds=30)


@dataclass(frozen=True, slots=True)
class Introduction:
    """An instance as it shows itself: its documents are a valid chain under their own first key, and nothing more."""

    address: PeerAddress
    descriptor: Descriptor
    notes: tuple[bytes, ...]
    chain: tuple[Operations, ...]
    document: Operations
    """The one in force."""
    size: int
    """The size of its log now, 0 where it has published nothing."""

    @property
    def origin(self) -> str:
        return self.address.origin

    @property
    def first_key(self) -> VerifierKey:
        return self.chain[0].log_key

    @property
    def shown(self) -> Shown:
        said = self.descriptor
        return Shown(self.origin, self.address.url, said.name, said.contact, str(self.first_key))

    @property
    def fingerprints(self) -> dict[str, bytes]:
        """The fingerprints of its keys. The first one is what gets pinned; the others follow from it."""
        keys = {"log key": self.first_key.fingerprint}
        if self.document.log_key != self.first_key:
            keys["log key now"] = self.document.log_key.fingerprint
        keys["witness key"] = self.document.witness_key.fingerprint
        keys["peer key"] = sha256(self.document.peer_key).digest()
        return keys


def is_fingerprint(text: str, fingerprint: bytes) -> bool:
    """Whether a text that an operator has is this fingerprint, as hex or as words."""
    said = " ".join(text.lower().split())
    return said in {fingerprint.hex(), to_words(fingerprint)} or said.replace(" ", "") == fingerprint.hex()


class Introducer:
    """Asks other instances who they are."""

    def __init__(self, http: GuardedClient, clock: Clock) -> None:
        self._http = http
        self._clock = clock

    async def introduce(self, address: PeerAddress, bounds: Bounds = FOR_OPERATORS) -> Introduction:
        """Reads descriptor, documents and size of the log at an address. Raises IntroductionFailed."""
        try:
            async with asyncio.timeout(bounds.seconds):
                return await self._introduce(address, bounds)
        except TimeoutError:
            raise IntroductionFailed(
                f"{address.origin} did not tell its keys in {bounds.seconds:.0f} s"
            ) from None
        except NetworkError as error:
            raise IntroductionFailed(f"could not read the keys of {address.origin}: {error}") from error
        except (Malformed, UntrustedOperations, UntrustedNote) as error:
            raise IntroductionFailed(f"{address.url} is not an instance to be a peer: {error}") from error

    async def _introduce(self, address: PeerAddress, bounds: Bounds) -> Introduction:
        answer = await self._get(address, DESCRIPTOR_PATH, _DESCRIPTOR_LIMITS)
        descriptor = parse_descriptor(answer.body)
        if descriptor.origin != address.origin:
            raise IntroductionFailed(f"at {address.url} is the log {descriptor.origin}, not {address.origin}")
        if descriptor.operations > bounds.documents:
            raise IntroductionFailed(
                f"{address.origin} has more than {bounds.documents:,} operations documents"
            )
        notes = await self._read_documents(address, descriptor.operations)
        chain = open_chain(notes, parse_operations_note(notes[0])[0].log_key)
        if chain[0].origin != address.origin:
            raise IntroductionFailed(
                f"the documents at {address.url} are of the log {chain[0].origin}, not of {address.origin}"
            )
        document = in_force(chain, int(self._clock.now().timestamp()))
        size = await self._read_size(address, chain)
        return Introduction(address, descriptor, _strip(notes, chain), tuple(chain), document, size)

    async def _read_documents(self, address: PeerAddress, count: int) -> tuple[bytes, ...]:
        found: list[bytes] = []
        for start in range(0, count, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, count))
            found += await _together(
                self._get(address, f"/log/operations/{number}", _NOTE_LIMITS) for number in numbers
            )
        return tuple(found)

    async def _read_size(self, address: PeerAddress, chain: list[Operations]) -> int:
        answer = await self._http.get(f"{address.url}/log/checkpoint", limits=_NOTE_LIMITS)
        if answer.status == NOT_FOUND:
            return 0
        answer.expect(OK)
        in_power = chain[index_in_force(chain, int(self._clock.now().timestamp())) :]
        keys = dict.fromkeys(key for each in in_power for key in each.checkpoint_keys)
        trust = LogTrust(address.origin, tuple(map(NoteVerifier, keys)), (), 0)
        return open_checkpoint(answer.body, trust).checkpoint.size

    async def _get(self, address: PeerAddress, path: str, limits: Limits) -> Answer:
        return (await self._http.get(address.url + path, limits=limits)).expect(OK)


def _strip(notes: Sequence[bytes], chain: Sequence[Operations]) -> tuple[bytes, ...]:
    """Leaves the lines that count of documents: they are kept, and read in each round."""
    before = (None, *chain[:-1])
    return tuple(
        bytes(strip_operations(parse_note(note), document, previous))
        for note, document, previous in zip(notes, chain, before, strict=True)
    )


async def _together(requests: Iterable[Coroutine[object, object, Answer]]) -> list[bytes]:
    """Waits for all of the requests; where one fails, the others are given up. Raises its error."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(request) for request in requests]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result().body for task in tasks]
