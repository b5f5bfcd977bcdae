"""The operations document: the keys and the policy of an instance, public and kept for ever.

Its text is canonical JSON and a newline, and is signed as a note; a 0x03 entry of the log holds the SHA-256 of the
text. It holds nothing about people. `federation.keys.chain` defines who signs one.

A text of one line is never a checkpoint, so a log key can sign both without one passing for the other.
"""

import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Annotated, Final, Literal

import msgspec

from directory import origin_names
from federation.errors import InvalidKey, InvalidOperations
from federation.protocol import canonical
from federation.protocol.statement import MAX_TIME_S
from federation.tlog.ed25519 import PUBLIC_KEY_BYTES
from federation.tlog.keys import KeyKind, VerifierKey
from federation.tlog.text import decode_base64, encode_base64

MAX_OPERATIONS_BYTES: Final = 8_000
MAX_POLICY_ITEMS: Final = 32
DIGEST_BYTES: Final = 32
LOG_SUFFIX: Final = origin_names.LOG_SUFFIX
WITNESS_SUFFIX: Final = "/witness"
RECOVERY_SUFFIX: Final = "/recovery"

POLICY_VALIDITY_S: Final = "validity_s"
"""How long a statement of this log holds at most without a renewal, in seconds."""
POLICY_RECHECK_S: Final = "recheck_s"
"""How often this instance re-checks a proof, in seconds."""

_POLICY_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True, slots=True)
class Operations:
    """One operations document. `issued` is in Unix seconds."""

    origin: str
    """The origin of the log, `<host>/log`, which is also the name of its keys."""
    number: int
    """0 for the first document of a log, one more for each later one."""
    previous: bytes | None
    """SHA-256 of the text of the document before it; None for the first."""
    issued: int
    log_key: VerifierKey
    """The key in force: signs checkpoints, and the next document."""
    next_key: VerifierKey | None
    """The announced key: signs checkpoints beside `log_key`, and replaces it at the switch. None where there is none."""
    witness_key: VerifierKey
    """Kind 0x04, named `<host>/witness`."""
    peer_key: bytes
    """The Ed25519 public key that requests to peers are signed with."""
    recovery: bytes
    """Fingerprint of the recovery key, which is kept offline and secret until it is used."""
    recovered_by: VerifierKey | None = None
    """The recovery key, named `<host>/recovery`, where this document was signed with it."""
    policy: tuple[tuple[str, int], ...] = ()
    """Names and numbers, sorted by name. A reader ignores names that it does not know."""

    text: str = field(init=False, compare=False, repr=False)
    """One line of canonical JSON, and its newline. This text is signed and hashed."""

    def __post_init__(self) -> None:
        fault = _find_chain_fault(self) or _find_key_fault(self) or _find_policy_fault(self)
        if fault:
            raise InvalidOperations(f"not an operations document: {fault}")
        object.__setattr__(self, "text", _write(self))

    def __str__(self) -> str:
        return self.text

    @staticmethod
    def parse(text: str) -> "Operations":
        """Parses the text of a note. Raises InvalidOperations."""
        if len(text) > MAX_OPERATIONS_BYTES:
            raise InvalidOperations(
                f"not an operations document: it is longer than {MAX_OPERATIONS_BYTES} bytes"
            )
        if not text.endswith("\n"):
            raise InvalidOperations("not an operations document: it does not end in a newline")
        try:
            wire = canonical.decode(text[:-1].encode(), _decoder, MAX_OPERATIONS_BYTES - 1)
            return _from_wire(wire)
        except (ValueError, InvalidKey) as e:
            raise InvalidOperations(f"not an operations document: {e}") from None

    @property
    def host(self) -> str:
        """The origin without its suffix."""
        return self.origin.removesuffix(LOG_SUFFIX)

    @property
    def digest(self) -> bytes:
        """SHA-256 of the text, as the 0x03 entry and the next document hold it."""
        return sha256(self.text.encode()).digest()

    @property
    def checkpoint_keys(self) -> tuple[VerifierKey, ...]:
        """The keys that sign checkpoints while this document is in force. One signature suffices a verifier."""
        return (self.log_key,) if self.next_key is None else (self.log_key, self.next_key)


def _find_chain_fault(document: Operations) -> str | None:
    if not origin_names.is_origin(document.origin):
        return "its origin is not a host name in its one spelling, and /log"
    if not 0 <= document.number <= canonical.MAX_INT or not 0 <= document.issued <= MAX_TIME_S:
        return "its number or its time is out of range"
    if (document.previous is None) != (document.number == 0):
        return "only the first one has no document before it"
    if document.number == 0 and document.recovered_by is not None:
        return "the first one cannot be a recovery"
    if document.previous is not None and len(document.previous) != DIGEST_BYTES:
        return "the hash of the document before it is not 32 bytes long"
    return None


def _find_key_fault(document: Operations) -> str | None:
    host = document.host
    named = [
        (document.log_key, KeyKind.NOTE, host + LOG_SUFFIX),
        (document.witness_key, KeyKind.COSIGNATURE, host + WITNESS_SUFFIX),
    ]
    if document.next_key:
        named.append((document.next_key, KeyKind.NOTE, host + LOG_SUFFIX))
    if document.recovered_by:
        named.append((document.recovered_by, KeyKind.NOTE, host + RECOVERY_SUFFIX))
    if any((key.kind, key.name) != (kind, name) for key, kind, name in named):
        return "a key has another kind or another name than its place asks for"
    if len(document.peer_key) != PUBLIC_KEY_BYTES or len(document.recovery) != DIGEST_BYTES:
        return "the peer key or the recovery key's fingerprint is not 32 bytes long"
    public_keys = [document.peer_key, *(key.public_key for key, _, _ in named)]
    if len(set(public_keys)) < len(public_keys):
        return "one key stands in two places"
    if any(fingerprint_recovery(key) == document.recovery for key in public_keys):
        return "a key in use cannot be the recovery key"
    return None


def _find_policy_fault(document: Operations) -> str | None:
    names = [name for name, _ in document.policy]
    if names != sorted(set(names)) or len(names) > MAX_POLICY_ITEMS:
        return f"its policy is not sorted by name, or has more than {MAX_POLICY_ITEMS} items"
    if not all(_POLICY_NAME.fullmatch(name) for name in names):
        return "a name in its policy is not one"
    if not all(0 <= value <= canonical.MAX_INT for _, value in document.policy):
        return "a number in its policy is out of range"
    return None


def fingerprint_recovery(public_key: bytes) -> bytes:
    """Returns the fingerprint of a recovery key: SHA-256(0x01 || public key)."""
    return sha256(bytes([KeyKind.NOTE]) + public_key).digest()


_Hex = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}\\Z")]


class _Wire(canonical.Wire, frozen=True):
    issued: canonical.Number
    log: str
    number: canonical.Number
    origin: str
    peer: str
    policy: dict[str, canonical.Number]
    recovery: _Hex
    v: Literal[1]
    witness: str
    next: str | None = None
    previous: _Hex | None = None
    recovered: str | None = None


_decoder: Final = msgspec.json.Decoder(_Wire)


def _write(document: Operations) -> str:
    wire = _Wire(
        issued=document.issued,
        log=str(document.log_key),
        number=document.number,
        origin=document.origin,
        peer=encode_base64(document.peer_key),
        policy=dict(document.policy),
        recovery=document.recovery.hex(),
        v=1,
        witness=str(document.witness_key),
        next=None if document.next_key is None else str(document.next_key),
        previous=None if document.previous is None else document.previous.hex(),
        recovered=None if document.recovered_by is None else str(document.recovered_by),
    )
    try:
        text = canonical.encode(wire).decode("ascii") + "\n"
    except ValueError as e:
        raise InvalidOperations(f"this cannot be said in an operations document: {e}") from None
    if len(text) > MAX_OPERATIONS_BYTES:
        raise InvalidOperations(f"an operations document is longer than {MAX_OPERATIONS_BYTES} bytes")
    return text


def _from_wire(wire: _Wire) -> Operations:
    return Operations(
        origin=wire.origin,
        number=wire.number,
        previous=None if wire.previous is None else bytes.fromhex(wire.previous),
        issued=wire.issued,
        log_key=VerifierKey.parse(wire.log),
        next_key=None if wire.next is None else VerifierKey.parse(wire.next),
        witness_key=VerifierKey.parse(wire.witness),
        peer_key=decode_base64(wire.peer),
        recovery=bytes.fromhex(wire.recovery),
        recovered_by=None if wire.recovered is None else VerifierKey.parse(wire.recovered),
        policy=tuple(wire.policy.items()),
    )
