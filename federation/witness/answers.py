"""Reads the answers of a witness to `add-checkpoint`. Pure. https://c2sp.org/tlog-witness@v1.0.0#add-checkpoint"""

from datetime import UTC, datetime
from typing import Final

from directory.mappings import MAX_AHEAD
from federation.errors import InvalidCosignature, UntrustedNote
from federation.store.cosignatures import Cosignature
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.cosignature import CosignatureVerifier, parse_time
from federation.tlog.keys import VerifierKey
from federation.tlog.note import parse_signatures

MAX_FUTURE: Final = MAX_AHEAD
"""How far ahead of our clock the time of a cosignature may be: 3,600 s (docs/protocol.md, 6)."""


def read_cosignature(data: bytes, checkpoint: Checkpoint, key: VerifierKey, now: datetime) -> Cosignature:
    """Reads the newest cosignature of one witness key out of an answer; lines of other keys are ignored.

    Raises Malformed, UntrustedNote.
    """
    verifier, text = CosignatureVerifier(key), str(checkpoint).encode()
    lines = [line for line in parse_signatures(data) if (line.name, line.key_id) == (key.name, key.key_id)]
    if not lines:
        raise UntrustedNote(f"it holds no line of {key.name}")
    if not all(verifier.is_valid(text, line.payload) for line in lines):
        raise UntrustedNote(f"the line of {key.name} is wrong")
    newest = max(lines, key=lambda line: parse_time(line.payload))
    at = _moment(parse_time(newest.payload), now)
    return Cosignature(
        checkpoint.origin, key.name, key.key_id, checkpoint.size, checkpoint.root, at, str(newest)
    )


def _moment(time: int, now: datetime) -> datetime:
    if time > (now + MAX_FUTURE).timestamp():
        raise InvalidCosignature("its time is in the future")
    return datetime.fromtimestamp(time, UTC)
