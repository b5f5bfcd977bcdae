"""Cosigns our own log with our own witness key: the clock of the log, by which readers judge how fresh it is.

Made at publishing, and again before ten minutes have passed, changed or not. A cosignature says a time and is believed
for it, so it is made only of what is published and marked as signed, never of a smaller tree than one before, and never
with an earlier time.
"""

from datetime import datetime, timedelta
from typing import Final

from directory.store.database import Connection
from federation.errors import LogRefused, LogWaits, Malformed, UntrustedNote
from federation.keys.instance import InstanceKeys
from federation.keys.operations import witness_of
from federation.own_log.preconditions import FSCK
from federation.protocol.log_state import LogState, read_own_checkpoint
from federation.store.cosignatures import Cosignature, find_cosignature, swap_cosignature
from federation.tlog.checkpoint import Checkpoint, LogTrust, open_checkpoint
from federation.tlog.cosignature import cosign
from federation.tlog.note import NoteVerifier
from federation.tlog.text import count_leaves

COSIGN_EVERY: Final = timedelta(minutes=9)
"""Readers are promised ten: a minute is left for a pause of the leader."""


class CosigningWaits(LogWaits):
    """The clock is behind the last cosignature, and no earlier time is ever signed."""


async def needs_cosigning(connection: Connection, state: LogState, now: datetime) -> bool:
    """Whether a cosignature is due. Reads alone, so that it can be asked each second."""
    if state.published is None:
        return False
    before = await find_cosignature(connection, state.origin, witness_of(state.origin))
    return is_due(before, read_own_checkpoint(state.published), now)


async def cosign_published(
    connection: Connection, keys: InstanceKeys, mark: Checkpoint, state: LogState, now: datetime
) -> Cosignature | None:
    """Cosigns the published checkpoint where that is due. The caller holds a transaction, and the state row in it.

    Returns None where it is not due, or what is published is not yet all that was marked as signed. Raises
    CosigningWaits, and LogRefused where the last cosignature was on another tree.
    """
    if state.published is None:
        return None
    checkpoint = read_own_checkpoint(state.published)
    before = await find_cosignature(connection, state.origin, keys.witness.name)
    if mark != checkpoint or not is_due(before, checkpoint, now):
        return None
    _check_growth(before, checkpoint)
    if before is not None and now < before.at:
        raise CosigningWaits(
            f"the clock is behind the last cosignature, which was made at {before.at:%H:%M:%S} UTC"
        )
    _check_note(state.published, keys)
    at = now.replace(microsecond=0)
    line = cosign(checkpoint, keys.witness, int(at.timestamp()))
    new = Cosignature(state.origin, line.name, line.key_id, checkpoint.size, checkpoint.root, at, str(line))
    if not await swap_cosignature(connection, before, new):
        raise LogWaits("another process has cosigned at the same time")
    return new


def is_due(before: Cosignature | None, checkpoint: Checkpoint, now: datetime) -> bool:
    """Whether the newest cosignature is on another tree, is too old, or is of a time that is still to come."""
    if before is None or not before.is_on(checkpoint):
        return True
    return not before.at <= now < before.at + COSIGN_EVERY


def _check_growth(before: Cosignature | None, checkpoint: Checkpoint) -> None:
    """Raises LogRefused where what was cosigned before is larger, or another tree of this size."""
    if before is None or before.size < checkpoint.size or before.is_on(checkpoint):
        return
    raise LogRefused(
        f"the witness of this instance has cosigned {count_leaves(before.size)} of this log, and {checkpoint.size} are"
        " published, which are not the same tree",
        mend=FSCK,
    )


def _check_note(note: bytes, keys: InstanceKeys) -> None:
    trust = LogTrust(keys.origin, tuple(NoteVerifier(key.vkey) for key in keys.logs))
    try:
        open_checkpoint(note, trust)
    except (Malformed, UntrustedNote) as error:
        raise LogRefused(f"the published checkpoint is not by a key of this log: {error}") from error
