"""Answers for the salts and bodies of our own log, a bundle of leaves at a time, for peers."""

from directory.clock import Clock
from federation.protocol.body_answers import Body, Ended, Erased, LeafAnswer, Lost, NeverMapping, NotYet
from federation.protocol.entry import ENTRY_BYTES, STRIDE_BYTES, MappingEntry, parse_entry
from federation.store.bodies import BodyStore, StoredBundle
from federation.tlog.bundles import LENGTH_BYTES
from federation.tlog.tiles import TILE_WIDTH, Bundle


class BodyService:
    """The bodies of our own log. They reveal mappings: only for approved peers."""

    def __init__(self, store: BodyStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def read(self, bundle: Bundle) -> list[LeafAnswer]:
        """Reads the answer for each leaf of a bundle, as of one moment."""
        stored = await self._store.read_bundle(bundle.index, self._clock.now())
        leaves = range(bundle.start, bundle.start + bundle.width)
        return [NotYet() if stored is None else answer_for(leaf, stored) for leaf in leaves]


def answer_for(leaf: int, stored: StoredBundle) -> LeafAnswer:
    """Answers for one leaf. Pure.

    A revoke counts once it is published, as a peer can find it then; before that the leaf has ended. A body is served
    only where neither is so.
    """
    if leaf >= stored.size:
        return NotYet()
    by = stored.revokes.get(leaf)
    if by is not None and by < stored.size:
        return Erased(by)
    if leaf in stored.statements:
        salt, body, reason = stored.statements[leaf]
        return Body(salt, body) if reason is None else Ended(reason)
    return Lost() if isinstance(parse_entry(_entry(leaf, stored.entries)), MappingEntry) else NeverMapping()


def _entry(leaf: int, entries: bytes) -> bytes:
    start = leaf % TILE_WIDTH * STRIDE_BYTES + LENGTH_BYTES
    return entries[start : start + ENTRY_BYTES]
