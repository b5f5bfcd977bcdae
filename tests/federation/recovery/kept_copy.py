"""What a peer has kept of a log: taken from its database at a moment, honest or not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from federation.protocol.body_answers import Body, LeafAnswer, Lost, NeverMapping
from federation.protocol.entry import STRIDE_BYTES, MappingEntry, parse_entry
from federation.protocol.tile_places import place_of
from federation.recovery.copies import PeerFailed
from federation.tlog.bundles import decode_bundle
from federation.tlog.tiles import Bundle, bundles_added
from tests.federation.log_harness import LogHarness


@dataclass
class KeptCopy:
    """A peer in this process. `size` is how far it has read."""

    address: str
    note: bytes | None
    size: int
    bundles: Mapping[int, bytes]
    bodies: dict[int, tuple[bytes, bytes]]
    documents: list[bytes]
    is_down: bool = False
    asked: list[str] = field(default_factory=list)
    on_ask: Callable[[], None] = lambda: None

    async def checkpoints(self) -> tuple[bytes, ...]:
        self._tell("checkpoint")
        return () if self.note is None else (self.note,)

    async def entries(self, bundle: Bundle) -> bytes | None:
        self._tell(f"entries {bundle.index}")
        data = self.bundles.get(bundle.index, b"")
        end = bundle.width * STRIDE_BYTES
        return data[:end] if bundle.start + bundle.width <= self.size and len(data) >= end else None

    async def answers(self, bundle: Bundle) -> list[LeafAnswer] | None:
        self._tell(f"bodies {bundle.index}")
        if bundle.start + bundle.width > self.size:
            return None
        return [self._answer(leaf) for leaf in range(bundle.start, bundle.start + bundle.width)]

    async def document(self, number: int) -> bytes | None:
        self._tell(f"document {number}")
        return self.documents[number] if number < len(self.documents) else None

    def _answer(self, leaf: int) -> LeafAnswer:
        if leaf in self.bodies:
            return Body(*self.bodies[leaf])
        start = leaf % 256 * STRIDE_BYTES + 2
        raw = self.bundles[leaf // 256][start : start + 33]
        return Lost() if isinstance(parse_entry(raw), MappingEntry) else NeverMapping()

    def _tell(self, what: str) -> None:
        self.asked.append(what)
        self.on_ask()
        if self.is_down:
            raise PeerFailed("it could not be asked: it is down")


async def keep(harness: LogHarness, address: str = "https://peer.example") -> KeptCopy:
    """Takes all that a peer has read and kept by now."""
    state = await harness.state()
    size = state.published_size
    rows = await harness.fetch("SELECT place, data FROM log_tile")
    kept = {row["place"]: bytes(row["data"]) for row in rows}
    bundles = {
        each.index: kept[place_of(each)][: each.width * STRIDE_BYTES] for each in bundles_added(0, size)
    }
    said = await harness.fetch("SELECT leaf, salt, body FROM log_statement")
    documents = await harness.fetch("SELECT note FROM log_operations WHERE leaf IS NOT NULL ORDER BY number")
    return KeptCopy(
        address,
        state.published,
        size,
        bundles,
        {row["leaf"]: (row["salt"], row["body"]) for row in said if row["leaf"] < size},
        [bytes(row["note"]) for row in documents],
    )


def forging(copy: KeptCopy, leaf: int) -> KeptCopy:
    """Returns a copy with one other entry."""
    bundle = dict(copy.bundles)
    entries = decode_bundle(bundle[leaf // 256], len(bundle[leaf // 256]) // STRIDE_BYTES)
    entries[leaf % 256] = bytes([1]) + bytes(32)
    bundle[leaf // 256] = b"".join(len(each).to_bytes(2, "big") + each for each in entries)
    return replace(copy, bundles=bundle, asked=[])
