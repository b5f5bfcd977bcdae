"""The fixed keys, trees and cases that the vectors are made of. None of these keys may be used for anything."""

from base64 import b64encode
from hashlib import sha256
from typing import Any

from federation.tlog.checkpoint import Checkpoint, sign_checkpoint
from federation.tlog.cosignature import cosign
from federation.tlog.ed25519 import Seed
from federation.tlog.growth import Edge, grow
from federation.tlog.keys import KeyKind, PrivateKey
from federation.tlog.merkle import leaf_hash
from federation.tlog.reading import TileHashes

Case = dict[str, Any]

ORIGIN = "instance.example/log"
TIME = 1_800_000_000


def make_seed(name: str) -> Seed:
    """SHA-256 of `passerelle test key <name>`."""
    return Seed(sha256(f"passerelle test key {name}".encode()).digest())


LOG = PrivateKey(ORIGIN, KeyKind.NOTE, make_seed("log"))
NEXT = PrivateKey(ORIGIN, KeyKind.NOTE, make_seed("next"))
RESCUE = PrivateKey(ORIGIN, KeyKind.NOTE, make_seed("rescue"))
STRANGER = PrivateKey(ORIGIN, KeyKind.NOTE, make_seed("stranger"))
OWN_WITNESS = PrivateKey("instance.example/witness", KeyKind.COSIGNATURE, make_seed("own witness"))
WITNESS = PrivateKey("peer.example/witness", KeyKind.COSIGNATURE, make_seed("witness"))
RECOVERY = PrivateKey("instance.example/recovery", KeyKind.NOTE, make_seed("recovery"))
RECOVERY_2 = PrivateKey("instance.example/recovery", KeyKind.NOTE, make_seed("recovery 2"))
PEER = make_seed("peer")


def make_leaves(count: int) -> bytes:
    """Leaf hashes of `entry 0`, `entry 1`, …"""
    return b"".join(leaf_hash(b"entry %d" % n) for n in range(count))


LEAVES = make_leaves(70_000)


def tree(size: int) -> TileHashes:
    """The tree over the first `size` of those leaves."""
    return TileHashes(size, dict(grow(Edge.empty(), LEAVES[: size * 32]).tiles).__getitem__)


def root(size: int) -> bytes:
    return tree(size).compact_range().root()


CHECKPOINT = Checkpoint(ORIGIN, 300, root(300))
SIGNED = sign_checkpoint(CHECKPOINT, [LOG])
COSIGNED = SIGNED.signed_also([cosign(CHECKPOINT, WITNESS, TIME)])


def base64(data: bytes) -> str:
    return b64encode(data).decode()


def good(name: str, desc: str, **fields: Any) -> Case:
    return {"name": name, "desc": desc, "wantErr": False, **fields}


def bad(name: str, desc: str, **fields: Any) -> Case:
    return {"name": name, "desc": desc, "wantErr": True, **fields}


def flip_base64(text: str, at: int = 20) -> str:
    """The same length of base64 with one other character."""
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
