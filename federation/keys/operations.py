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
from federation.protocol.ext import Ext, ExtWire, ext_of, ext_to_wire, find_ext_fault
from federation.protocol.statement import MAX_TIME_S
from federation.tlog.ed25519 import PUBLIC_KEY_BYTES, is_public_key
from federation.tlog.keys import KeyKind, VerifierKey
from federation.tlog.text import decode_base64, encode_base64

MAX_OPERATIONS_BYTES: Final = 8_000
MAX_POLICY_ITEMS: Final = 32
DIGEST_BYTES: Final = 32
LOG_SUFFIX: Final = origin_names.LOG_SUFFIX
WITNESS_SUFFIX: Final = "/witness"
RECOVERY_SUFFIX: Final = "/recovery"


def witness_of(origin: str) -> str:
    """Returns the name of the witness key of the instance whose log is `origin`."""
    return origin.removesuffix(LOG_SUFFIX) + WITNESS_SUFFIX


POLICY_VALIDITY_S: Final = "validity_s"
"""How long a statement of this log holds at most without a renewal, in seconds."""
POLICY_RECHECK_S: Final = "recheck_s"
"""How often this instance re-checks a proof, in seconds."""

_POLICY_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True, slots=True)
class RightTree:
    """The tree up to which a log was right, as its recovery says. A reader that followed a fork returns to it."""

    size: int
    root: bytes


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
    right_tree: RightTree | None = None
    """Where this document was signed with the recovery key, and only there."""
    moved_to: VerifierKey | None = None
    """A log key of the log of another name, where this instance goes on."""
    moved_from: VerifierKey | None = None
    """A log key of the log of the former name; in a first document only."""
    policy: tuple[tuple[str, int], ...] = ()
    """Names and numbers, sorted by name. A reader ignores names that it does not know."""
    ext: Ext = ()

    text: str = field(init=False, compare=False, repr=False)
    """One line of canonical JSON, and its newline. This text is signed and hashed."""

    def __post_init__(self) -> None:
        fault = (
            _find_chain_fault(self)
            or _find_recovery_fault(self)
            or _find_key_fault(self)
            or _find_moving_fault(self)
            or _find_policy_fault(self)
            or find_ext_fault(self.ext)
        )
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


def _find_recovery_fault(document: Operations) -> str | None:
    right = document.right_tree
    if (right is None) != (document.recovered_by is None):
        return "the tree up to which the log was right stands in a recovery, and only there"
    if right is not None and not (1 <= right.size <= canonical.MAX_INT and len(right.root) == DIGEST_BYTES):
        return "the size up to which the log was right is out of range, or its root is not 32 bytes long"
    return None


def _find_moving_fault(document: Operations) -> str | None:
    if document.moved_to is not None and document.number == 0:
        return "the first one cannot say where the instance has moved to"
    if document.moved_from is not None and document.number != 0:
        return "only the first one says where the instance has moved from"
    for key in filter(None, (document.moved_to, document.moved_from)):
        is_other = origin_names.is_origin(key.name) and key.name != document.origin
        if key.kind is not KeyKind.NOTE or not is_other:
            return "a key that it moved to or from is not the log key of another log"
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
    if not is_public_key(document.peer_key):
        return "the peer key is no public key of Ed25519"
    elsewhere = filter(None, (document.moved_to, document.moved_from))
    public_keys = [document.peer_key, *(key.public_key for key, _, _ in named)]
    public_keys += [key.public_key for key in elsewhere]
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
    ext: ExtWire | None = None
    moved_from: str | None = None
    moved_to: str | None = None
    next: str | None = None
    previous: _Hex | None = None
    recovered: str | None = None
    root: str | None = None
    size: canonical.Number | None = None


_decoder: Final = msgspec.json.Decoder(_Wire)


def _write(document: Operations) -> str:
    right = document.right_tree
    wire = _Wire(
        ext=ext_to_wire(document.ext),
        issued=document.issued,
        log=str(document.log_key),
        moved_from=_text_of(document.moved_from),
        moved_to=_text_of(document.moved_to),
        next=_text_of(document.next_key),
        number=document.number,
        origin=document.origin,
        peer=encode_base64(document.peer_key),
        policy=dict(document.policy),
        previous=None if document.previous is None else document.previous.hex(),
        recovered=_text_of(document.recovered_by),
        recovery=document.recovery.hex(),
        root=None if right is None else encode_base64(right.root),
        size=None if right is None else right.size,
        v=1,
        witness=str(document.witness_key),
    )
    try:
        text = canonical.encode(wire).decode("ascii") + "\n"
    except ValueError as e:
        raise InvalidOperations(f"this cannot be said in an operations document: {e}") from None
    if len(text) > MAX_OPERATIONS_BYTES:
        raise InvalidOperations(f"an operations document is longer than {MAX_OPERATIONS_BYTES} bytes")
    return text


def _from_wire(wire: _Wire) -> Operations:
    if (wire.size is None) != (wire.root is None):
        raise ValueError("size and root stand together")
    return Operations(
        origin=wire.origin,
        number=wire.number,
        previous=None if wire.previous is None else bytes.fromhex(wire.previous),
        issued=wire.issued,
        log_key=VerifierKey.parse(wire.log),
        next_key=_key_of(wire.next),
        witness_key=VerifierKey.parse(wire.witness),
        peer_key=decode_base64(wire.peer),
        recovery=bytes.fromhex(wire.recovery),
        recovered_by=_key_of(wire.recovered),
        right_tree=None if wire.size is None else RightTree(wire.size, decode_base64(wire.root or "")),
        moved_to=_key_of(wire.moved_to),
        moved_from=_key_of(wire.moved_from),
        policy=tuple(wire.policy.items()),
        ext=ext_of(wire.ext),
    )


def _text_of(key: VerifierKey | None) -> str | None:
    return None if key is None else str(key)


def _key_of(text: str | None) -> VerifierKey | None:
    return None if text is None else VerifierKey.parse(text)
