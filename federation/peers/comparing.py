"""Compares a checkpoint with the one that was believed before: does the log go on from it, lag behind, or contradict it?"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from federation.errors import InvalidEvidence, InvalidProof
from federation.keys.evidence import MAX_EVIDENCE_DOCUMENTS, Evidence, make_evidence
from federation.peers.believing import Opened
from federation.peers.chains import Chain
from federation.peers.log_client import LogClient
from federation.peers.rounds import Round, load_tree
from federation.peers.verdicts import Forked, PeerFault, StaleCopy, WrongAnswer
from federation.store.tailed import Progress
from federation.tlog.checkpoint import Checkpoint, parse_signed_checkpoint
from federation.tlog.merkle import EMPTY_ROOT, derive_prefix_root
from federation.tlog.note import Note, parse_note
from federation.tlog.paths import prefix_spans
from federation.tlog.reading import TileHashes, tiles_of_spans

UNSIGNED: Final = "the checkpoint is of another tree than the one that was read, which was not signed yet"


async def compare(current: Round, progress: Progress, opened: Opened) -> None:
    """Checks that the tree of a checkpoint can be read on from what is believed.

    Raises StaleCopy, Forked, WrongAnswer, Unavailable. Where all that is believed was read, that a larger tree begins with
    it is proven by reading on.
    """
    kept = kept_checkpoint(progress)
    if kept is not None and opened.size == kept.size:
        if opened.root != kept.root:
            raise fork(progress, opened, ())
        return
    if opened.size < max(progress.size, kept.size if kept else 0):
        await _compare_smaller(current, progress, kept, opened)
    elif kept is not None and progress.size < kept.size:
        await prove_goes_on(current.client, progress, opened)
    elif opened.size == progress.size and opened.root != progress.root and opened.size:
        raise WrongAnswer(UNSIGNED)
    elif opened.size == 0 and opened.root != EMPTY_ROOT:
        raise WrongAnswer("a tree without leaves was signed under another root than that of the empty tree")


async def _compare_smaller(
    current: Round, progress: Progress, kept: Checkpoint | None, opened: Opened
) -> None:
    """Compares with a smaller tree. Raises always."""
    if opened.size > progress.size and kept is not None:
        await _compare_within(current.client, progress, kept, opened)
        return
    async with current.step() as (connection, now):
        tree = await load_tree(connection, now, opened.size)
    if tree.root_at(opened.size) == opened.root:
        raise StaleCopy(f"a checkpoint of {opened.size} leaves was served, and {tree.size} are known")
    if kept is None or kept.size < opened.size:
        raise WrongAnswer(UNSIGNED)
    if opened.size == 0 or tree.size == kept.size:
        raise fork(progress, opened, tree.prove_prefix(opened.size) if opened.size else ())
    await _compare_within(current.client, progress, kept, opened)


async def _compare_within(client: LogClient, progress: Progress, kept: Checkpoint, opened: Opened) -> None:
    """Compares with a smaller tree beyond what was read, by the tiles of the larger one that is believed. Raises always."""
    hashes, root = await derive(client, opened.size, kept.size, kept.root)
    if root != opened.root:
        raise fork(progress, opened, hashes)
    raise StaleCopy(f"a checkpoint of {opened.size} leaves was served, and {kept.size} are known")


async def prove_goes_on(client: LogClient, progress: Progress, opened: Opened) -> None:
    """Proves with tiles that a larger tree begins with the checkpoint that is believed. Raises Forked, WrongAnswer."""
    kept = kept_checkpoint(progress)
    if kept is None or kept.size == 0:
        return
    hashes, root = await derive(client, kept.size, opened.size, opened.root)
    if root != kept.root:
        raise fork(progress, opened, hashes)


async def find_contradiction(current: Round, opened: Opened) -> Evidence | None:
    """Finds whether a checkpoint contradicts the one that is believed, which may be larger. Returns None where it does not, or
    where what was read does not show it. Raises WrongAnswer, Unavailable."""
    async with current.step() as (connection, progress):
        kept = kept_checkpoint(progress)
        tree = None
        if kept is not None and opened.size < kept.size == progress.size:
            tree = await load_tree(connection, progress, opened.size)
    if kept is None or kept.size == 0:
        return None
    if tree is not None:
        hashes, is_same = tree.prove_prefix(opened.size), tree.root_at(opened.size) == opened.root
    elif kept.size < opened.size:
        hashes, root = await derive(current.client, kept.size, opened.size, opened.root)
        is_same = root == kept.root
    else:
        hashes, is_same = (), kept.size > opened.size or kept.root == opened.root
    fault = None if is_same else fork(progress, opened, hashes)
    return fault.evidence if isinstance(fault, Forked) else None


async def derive(
    client: LogClient, size: int, larger: int, larger_root: bytes
) -> tuple[tuple[bytes, ...], bytes]:
    """Derives from tiles of a signed tree which root it had at a smaller size. Returns the hashes that show it, and the
    root. Raises WrongAnswer where the tiles do not lead to the signed root."""
    tiles = await client.fetch_tiles(tiles_of_spans(larger, prefix_spans(size, larger)))
    hashes = TileHashes.fetched(larger, tiles).prove_prefix(size)
    try:
        return hashes, derive_prefix_root(size, larger, larger_root, hashes)
    except InvalidProof as error:
        raise WrongAnswer(f"the tiles that were served do not lead to the signed root: {error}") from error


def kept_checkpoint(progress: Progress) -> Checkpoint | None:
    """Returns the checkpoint that is believed. None before the first."""
    return None if progress.note is None else parse_signed_checkpoint(progress.note)[0]


def fork(progress: Progress, opened: Opened, hashes: Sequence[bytes]) -> PeerFault:
    """Makes the fault of a log that has contradicted itself, with the evidence; where no file can hold that, it is wrong."""
    note = opened.signed.checkpoint
    new = Note(str(note), opened.signed.log_signatures)
    try:
        return Forked(_evidence(parse_note(progress.note or b""), new, opened.chain, hashes))
    except InvalidEvidence as error:
        return WrongAnswer(f"the log contradicts itself, and there is no evidence of it: {error}")


def _evidence(kept: Note, new: Note, chain: Chain, hashes: Sequence[bytes]) -> Evidence:
    documents = [parse_note(each.note) for each in chain.known]
    if len(documents) <= MAX_EVIDENCE_DOCUMENTS:
        # Too long documents leave no room: then the keys stand in their place.
        with suppress(InvalidEvidence):
            return make_evidence(kept, new, documents=documents, hashes=hashes)
    signers = {(line.name, line.key_id) for note in (kept, new) for line in note.signatures}
    keys = {key for document in chain.documents for key in document.checkpoint_keys}
    return make_evidence(
        kept, new, keys=[key for key in keys if (key.name, key.key_id) in signers], hashes=hashes
    )
