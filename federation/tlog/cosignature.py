"""Cosignatures of witnesses, kind 0x04. https://c2sp.org/tlog-cosignature@v1.0.1

A cosignature states that the largest consistent tree which its witness had seen of this log, at
this time, had this root. Its key is never the log's own, and never serves two witnesses.
"""

from dataclasses import dataclass
from typing import Final, Self

from federation.errors import InvalidCosignature, InvalidKey
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.ed25519 import SIGNATURE_BYTES, is_signed
from federation.tlog.keys import KeyKind, PrivateKey, VerifierKey
from federation.tlog.note import Signature
from federation.tlog.text import MAX_INT

TIME_BYTES: Final = 8
MAX_TIME: Final = MAX_INT
PAYLOAD_BYTES: Final = TIME_BYTES + SIGNATURE_BYTES


def _message(text: bytes, time: int) -> bytes:
    return b"cosignature/v1\ntime %d\n%b" % (time, text)


def parse_time(payload: bytes) -> int:
    """Parses the time of a cosignature, in Unix seconds. Raises InvalidCosignature.

    Not trusted before the line is verified.
    """
    if len(payload) != PAYLOAD_BYTES:
        raise InvalidCosignature(f"not a cosignature: it is not {PAYLOAD_BYTES} bytes long")
    time = int.from_bytes(payload[:TIME_BYTES], "big")
    if time > MAX_TIME:
        raise InvalidCosignature("not a cosignature: its time is beyond 2^63")
    return time


def cosign(checkpoint: Checkpoint, key: PrivateKey, time: int) -> Signature:
    """Cosigns a checkpoint as a witness at `time`, in Unix seconds.

    Raises InvalidKey if `key` is not of kind 0x04, InvalidCosignature if the time is out of range.
    The caller checks, atomically, that the checkpoint is consistent with the last one cosigned.
    """
    if key.kind is not KeyKind.COSIGNATURE:
        raise InvalidKey(f"{key.name} is not a witness's key")
    if not 0 <= time <= MAX_TIME:
        raise InvalidCosignature("a cosignature's time is out of range")
    signature = key.seed.sign(_message(str(checkpoint).encode(), time))
    return Signature(key.name, key.vkey.key_id, time.to_bytes(TIME_BYTES, "big") + signature)


@dataclass(frozen=True, slots=True)
class CosignatureVerifier:
    """Verifies the lines of one witness. The caller judges whether their time is recent."""

    vkey: VerifierKey

    def __post_init__(self) -> None:
        if self.vkey.kind is not KeyKind.COSIGNATURE:
            raise InvalidKey(f"{self.vkey.name} is not a witness's key")

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Parses the verifier key of a witness. Raises InvalidKey."""
        return cls(VerifierKey.parse(vkey))

    def is_valid(self, text: bytes, payload: bytes) -> bool:
        try:
            time = parse_time(payload)
        except InvalidCosignature:
            return False
        return is_signed(self.vkey.public_key, _message(text, time), payload[TIME_BYTES:])
