"""Judges whether a checkpoint has grown out of the tree that this witness has cosigned last. Pure.

https://c2sp.org/tlog-witness@v1.0.0#add-checkpoint
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from federation.errors import InvalidAddCheckpoint, InvalidProof, OtherSize, WitnessWaits
from federation.keys.peer_chain import PeerChain
from federation.protocol.add_checkpoint import AddCheckpoint
from federation.store.witnessed import Witnessed
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.keys import VerifierKey
from federation.tlog.merkle import EMPTY_ROOT, verify_consistency
from federation.tlog.note import parse_note


@dataclass(frozen=True, slots=True)
class Base:
    """The tree that the next one has to begin with."""

    size: int
    root: bytes


EMPTY = Base(0, EMPTY_ROOT)


def find_base(kept: Witnessed | None, chain: PeerChain) -> Base:
    """Returns the tree to grow from: what was cosigned last, or the one up to which a recovery since says that the log was
    right.

    Only the recovery key takes a witness elsewhere, and only from what no key has signed that is named since: a thief may
    have signed it, also where it is the smaller of the two.
    """
    if kept is None:
        return EMPTY
    recovery = chain.last_recovery()
    if recovery is None or recovery.right_tree is None or _is_signed_by(kept, chain.keys_since(recovery)):
        return Base(kept.size, kept.root)
    return Base(recovery.right_tree.size, recovery.right_tree.root)


def _is_signed_by(kept: Witnessed, keys: Sequence[VerifierKey]) -> bool:
    """Whether one of these keys has signed what was cosigned. The lines that are kept were verified."""
    named = {(key.name, key.key_id) for key in keys}
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
