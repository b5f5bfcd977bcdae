"""Judges whether a checkpoint has grown out of the tree that this witness has cosigned last. Pure.

https://c2sp.org/tlog-witness@v1.0.0#add-checkpoint
"""

from dataclasses import dataclass
from datetime import datetime

from federation.errors import InvalidAddCheckpoint, InvalidProof, OtherSize, WitnessWaits
from federation.keys.peer_chain import PeerChain
from federation.protocol.add_checkpoint import AddCheckpoint
from federation.store.witnessed import Witnessed
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.merkle import EMPTY_ROOT, verify_consistency
from federation.tlog.note import parse_note


@dataclass(frozen=True, slots=True)
class Base:
    """The tree that the next one has to begin with."""

    size: int
    root: bytes


EMPTY = Base(0, EMPTY_ROOT)


def find_base(kept: Witnessed | None, chain: PeerChain, now: datetime) -> Base:
    """Returns the tree to grow from: what was cosigned last, or after a recovery that one up to where the log was right.

    Only the recovery key takes a witness back, and only from what no key in power has signed: it is the log's word that a
    thief had signed it.
    """
    if kept is None:
        return EMPTY
    base, right = Base(kept.size, kept.root), chain.right_tree()
    if right is None or right.size > kept.size or _is_signed_in_power(kept, chain, now):
        return base
    return Base(right.size, right.root)


def _is_signed_in_power(kept: Witnessed, chain: PeerChain, now: datetime) -> bool:
    """The lines that are kept were verified."""
    named = {(key.name, key.key_id) for key in chain.keys_at(now)}
    return any((line.name, line.key_id) in named for line in parse_note(kept.note).signatures)


def check_growth(request: AddCheckpoint, checkpoint: Checkpoint, base: Base) -> None:
    """Checks that a tree begins with `base`. Raises InvalidAddCheckpoint, OtherSize, InvalidProof."""
    if request.old > checkpoint.size:
        raise InvalidAddCheckpoint("the old size is larger than that of the checkpoint")
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        raise InvalidProof("an empty tree has another root than this")
    if request.old != base.size:
        raise OtherSize(base.size)
    verify_consistency(base.size, checkpoint.size, base.root, checkpoint.root, request.proof)


def check_time(kept: Witnessed | None, now: datetime) -> None:
    """Checks that the clock is not behind the last time that was signed. Raises WitnessWaits."""
    if kept is not None and now < kept.at:
        raise WitnessWaits(
            f"the clock of this witness is behind the time that it has signed last, {kept.at:%H:%M:%S}"
        )
