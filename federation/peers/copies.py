"""Answers a peer with what is held here of its own log, so that it can recover what it has lost."""

from federation.keys.chain import MAX_DOCUMENTS
from federation.protocol.body_answers import Body, Erased, LeafAnswer, Lost, NeverMapping
from federation.protocol.entry import ENTRY_BYTES, STRIDE_BYTES, MappingEntry, parse_entry
from federation.store.peer_copies import HeldBundle, PeerCopyStore
from federation.tlog.bundles import LENGTH_BYTES
from federation.tlog.tiles import TILE_WIDTH, Bundle


class PeerCopies:
    """What is held of the log of a peer. It reveals mappings: only for that peer."""

    def __init__(self, store: PeerCopyStore) -> None:
        self._store = store

    async def read_checkpoint(self, origin: str) -> bytes | None:
        """Reads the checkpoint that was believed last. Returns None before the first."""
        return await self._store.find_checkpoint(origin)

    async def read_entries(self, origin: str, bundle: Bundle) -> bytes | None:
        """Reads an entry bundle. Returns None where so much was not read."""
        held = await self._read(origin, bundle)
        return None if held is None else held.entries[: bundle.width * STRIDE_BYTES]

    async def read_answers(self, origin: str, bundle: Bundle) -> list[LeafAnswer] | None:
        """Reads the answer for each leaf of a bundle. Returns None where so much was not read."""
        held = await self._read(origin, bundle)
        if held is None:
            return None
        return [answer_for(leaf, held) for leaf in range(bundle.start, bundle.start + bundle.width)]

    async def read_document(self, origin: str, number: int) -> bytes | None:
        """Reads a signed operations document. Returns None where it is not held."""
        return await self._store.find_document(origin, number) if number < MAX_DOCUMENTS else None

    async def count_bundles(self, origin: str) -> int:
        """Counts the bundles that were read of a log."""
        return -(-await self._store.find_size(origin) // TILE_WIDTH)

    async def _read(self, origin: str, bundle: Bundle) -> HeldBundle | None:
        held = await self._store.read_bundle(origin, bundle.index)
        end = bundle.start + bundle.width
        is_read = held is not None and end <= held.size and len(held.entries) >= bundle.width * STRIDE_BYTES
        return held if is_read else None


def answer_for(leaf: int, held: HeldBundle) -> LeafAnswer:
    """Answers for one leaf. Pure. A mapping whose body was never had here is `Lost`."""
    if leaf in held.revokes:
        return Erased(held.revokes[leaf])
    if leaf in held.statements:
        return Body(*held.statements[leaf])
    start = leaf % TILE_WIDTH * STRIDE_BYTES + LENGTH_BYTES
    entry = parse_entry(held.entries[start : start + ENTRY_BYTES])
    return Lost() if isinstance(entry, MappingEntry) else NeverMapping()
