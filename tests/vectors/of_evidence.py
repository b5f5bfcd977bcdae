"""Evidence of equivocations, and what only looks like one.

The log of the other vectors has forked: its second tree has `entry 0` to `entry 199`, then `other 200`, `other 201`, …
"""

from federation.keys.chain import MIN_BETWEEN_S, MIN_OVERLAP_S, sign_operations
from federation.keys.changes import Recovery, announce_key, recover_key, switch_key
from federation.keys.evidence import Evidence, make_evidence
from federation.keys.operations import RightTree, fingerprint_recovery
from federation.tlog.checkpoint import Checkpoint, sign_checkpoint
from federation.tlog.growth import Edge, grow
from federation.tlog.keys import PrivateKey
from federation.tlog.merkle import EMPTY_ROOT, leaf_hash
from federation.tlog.note import Note
from federation.tlog.reading import TileHashes
from federation.tlog.text import encode_base64
from tests.vectors.fixed import (
    LEAVES,
    LOG,
    NEXT,
    ORIGIN,
    RECOVERY,
    RECOVERY_2,
    RESCUE,
    STRANGER,
    TIME,
    Case,
    bad,
    flip_base64,
    good,
    root,
    tree,
)
from tests.vectors.of_operations import GENESIS

FORKED = LEAVES[: 200 * 32] + b"".join(leaf_hash(b"other %d" % number) for number in range(200, 600))

ANNOUNCED = announce_key(GENESIS, NEXT.vkey, TIME + MIN_BETWEEN_S)
SWITCHED = switch_key(ANNOUNCED, TIME + MIN_BETWEEN_S + MIN_OVERLAP_S)
RESCUED = recover_key(
    GENESIS,
    TIME + 20,
    Recovery(
        RECOVERY.vkey,
        RESCUE.vkey,
        fingerprint_recovery(RECOVERY_2.vkey.public_key),
        RightTree(200, root(200)),
    ),
)
ROTATION = (
    sign_operations(GENESIS, [LOG]),
    sign_operations(ANNOUNCED, [LOG, NEXT]),
    sign_operations(SWITCHED, [LOG]),
)
RECOVERED = (sign_operations(GENESIS, [LOG]), sign_operations(RESCUED, [RECOVERY, RESCUE]))


def forked_tree(size: int) -> TileHashes:
    return TileHashes(size, dict(grow(Edge.empty(), FORKED[: size * 32]).tiles).__getitem__)


def forked_root(size: int) -> bytes:
    return forked_tree(size).compact_range().root()


def checkpoint(size: int, of_root: bytes, *keys: PrivateKey) -> Note:
    return sign_checkpoint(Checkpoint(ORIGIN, size, of_root), keys or [LOG])


def true(size: int, *keys: PrivateKey) -> Note:
    return checkpoint(size, root(size), *keys)


def forked(size: int, *keys: PrivateKey) -> Note:
    return checkpoint(size, forked_root(size), *keys)


def write(evidence: Evidence) -> str:
    return bytes(evidence).decode()


def fork(old: int, new: int) -> Evidence:
    """The first tree at a size, and the forked one at a larger size."""
    return make_evidence(true(old), forked(new), keys=[LOG.vkey], hashes=forked_tree(new).prove_prefix(old))


SAME_SIZE = make_evidence(true(300), forked(300), keys=[LOG.vkey])
FORK = fork(300, 500)


def equivocations() -> list[Case]:
    return [*_proven(), *_suspected(), *_unproven(), *_malformed()]


def _of(evidence: Evidence | str, *trusted: PrivateKey) -> Case:
    text = evidence if isinstance(evidence, str) else write(evidence)
    return {"evidence": text, "trusted": [str(key.vkey) for key in trusted or [LOG]]}


def _proven() -> list[Case]:
    rotated = make_evidence(true(300, LOG), forked(300, NEXT), documents=ROTATION)
    empty = make_evidence(checkpoint(0, root(1)), true(300), keys=[LOG.vkey])
    one_of_two = make_evidence(true(300, LOG, NEXT), forked(300), keys=[LOG.vkey, NEXT.vkey])
    cases = [
        ("same-size", "two roots of one size", _of(SAME_SIZE)),
        ("fork", "the larger tree had another root at the smaller size", _of(FORK)),
        (
            "fork-256",
            "a smaller size that is a power of two: the first hash is that subtree",
            _of(fork(256, 500)),
        ),
        ("fork-next", "the larger tree has one leaf more", _of(fork(300, 301))),
        ("empty", "an empty tree has one root", _of(empty)),
        ("two-keys", "one of the keys named is trusted, and has signed both", _of(one_of_two)),
        ("rotated", "one is signed before a rotation, one after it; the first key is known", _of(rotated)),
        ("rotated-later-key", "the same, and the later key is known", _of(rotated, NEXT)),
        (
            "recovered",
            "one under the key that was stolen, one under the key that replaced it",
            _of(make_evidence(true(300, LOG), forked(300, RESCUE), documents=RECOVERED)),
        ),
    ]
    return [good(name, desc, **case, proven=True) for name, desc, case in cases]


def _suspected() -> list[Case]:
    alone = make_evidence(true(300), forked(500), keys=[LOG.vkey])
    desc = "both are signed, and nothing shows what the larger tree begins with"
    return [good("suspicion", desc, **_of(alone), proven=False)]


def _unproven() -> list[Case]:
    consistent = make_evidence(true(300), true(500), keys=[LOG.vkey], hashes=tree(500).prove_prefix(300))
    perfect = make_evidence(true(256), true(500), keys=[LOG.vkey], hashes=tree(500).prove_prefix(256))
    hashes = FORK.hashes
    flipped = make_evidence(
        FORK.older,
        FORK.newer,
        keys=FORK.keys,
        hashes=[bytes([hashes[0][0] ^ 1]) + hashes[0][1:], *hashes[1:]],
    )
    others = make_evidence(true(300), true(500), keys=[LOG.vkey], hashes=hashes)
    short = make_evidence(FORK.older, FORK.newer, keys=FORK.keys, hashes=hashes[:-1])
    long = make_evidence(FORK.older, FORK.newer, keys=FORK.keys, hashes=[*hashes, hashes[0]])
    left_out = make_evidence(true(256), forked(500), keys=[LOG.vkey], hashes=fork(256, 500).hashes[1:])
    from_empty = make_evidence(checkpoint(0, EMPTY_ROOT), true(300), keys=[LOG.vkey])
    stranger = make_evidence(true(300), forked(300, STRANGER), keys=[LOG.vkey, STRANGER.vkey])
    unsigned = make_evidence(true(300), forked(300, NEXT), keys=[LOG.vkey])
    cut = make_evidence(true(300, LOG), forked(300, NEXT), documents=ROTATION[:1])
    unfollowed = make_evidence(true(300, LOG), forked(300, NEXT), documents=[ROTATION[0], ROTATION[2]])
    grabbed = sign_operations(announce_key(GENESIS, STRANGER.vkey, TIME + MIN_BETWEEN_S), [STRANGER])
    grab = make_evidence(true(300, LOG), forked(300, STRANGER), documents=[ROTATION[0], grabbed])
    return [
        bad("consistent", "the larger tree begins with the smaller one", **_of(consistent)),
        bad("consistent-256", "the same, with a power of two", **_of(perfect)),
        bad("flipped-hash", "a hash was changed: nothing leads to the larger root", **_of(flipped)),
        bad("other-hashes", "hashes of a tree that was not signed", **_of(others)),
        bad("short", "the last hash is missing", **_of(short)),
        bad("long", "one hash too many", **_of(long)),
        bad("left-out", "a consistency proof, without its first subtree", **_of(left_out)),
        bad("from-empty", "every tree begins with the empty one", **_of(from_empty)),
        bad("stranger", "one is signed by a key that only the file trusts", **_of(stranger)),
        bad("unsigned", "one is signed by a key that is not named", **_of(unsigned)),
        bad("not-trusted", "nothing in it is known to the reader", **_of(SAME_SIZE, STRANGER)),
        bad("cut-chain", "the document that names the second key is missing", **_of(cut)),
        bad("gap", "a document in between is missing", **_of(unfollowed)),
        bad("grab", "a document that the log key has not signed names a key", **_of(grab)),
        bad("other-chain", "no key in the documents is known to the reader", **_of(_rotated(), STRANGER)),
        bad(
            "one-false",
            "one checkpoint was changed",
            **_of(write(SAME_SIZE).replace("\n300\n", "\n299\n", 1)),
        ),
    ]


def _rotated() -> Evidence:
    return make_evidence(true(300, LOG), forked(300, NEXT), documents=ROTATION)


def _malformed() -> list[Case]:
    text, fork_text = write(SAME_SIZE), write(FORK)
    head, first, second = (
        text.split("\n\n")[0],
        bytes(SAME_SIZE.older).decode(),
        bytes(SAME_SIZE.newer).decode(),
    )
    key = f"key {LOG.vkey}"
    a_hash = f"hash {encode_base64(FORK.hashes[0])}"
    other = bytes(sign_checkpoint(Checkpoint("other.example/log", 301, root(300)), [_renamed()])).decode()
    cases = [
        ("version", "another version", text.replace("equivocation@v1", "equivocation@v2")),
        ("no-keys", "neither keys nor documents", text.replace(f"{key}\n", "")),
        ("both", "keys and documents", f"{head}\n\n{bytes(ROTATION[0]).decode()}\n{first}\n{second}"),
        ("same-key-twice", "a key stands there twice", text.replace(key, f"{key}\n{key}")),
        ("unsorted", "keys are sorted as texts", text.replace(key, "\n".join(_unsorted()))),
        ("other-origin-key", "a key of another log", text.replace(key, f"{key}\nkey {_renamed().vkey}")),
        ("hash-first", "hashes stand after the keys", fork_text.replace(key, f"{a_hash}\n{key}")),
        ("hash-not-needed", "two roots of one size need no hash", text.replace(key, f"{key}\n{a_hash}")),
        (
            "sixty-five",
            "more hashes than any tree needs",
            fork_text.replace(key, "\n".join([key, *[a_hash] * 65])),
        ),
        ("bad-hash", "a hash of 31 bytes", fork_text.replace(a_hash, "hash " + encode_base64(bytes(31)))),
        ("flipped-note", "a signature was changed", f"{head}\n\n{first}\n{_flip_last(second)}"),
        ("order", "the one with the larger root stands first", f"{head}\n\n{second}\n{first}"),
        ("twice-the-same", "one checkpoint twice", f"{head}\n\n{first}\n{first}"),
        ("one-note", "one checkpoint alone", f"{head}\n\n{first}"),
        ("two-logs", "checkpoints of two logs", f"{head}\n\n{first}\n{other}"),
        ("empty-line", "an empty line more", f"{head}\n\n\n{first}\n{second}"),
        ("no-last-newline", "the last line does not end", text[:-1]),
        ("more", "something after the second note", f"{text}\nmore\n"),
        ("carriage-return", "lines end in LF only", text.replace("\n", "\r\n")),
        ("nothing", "nothing at all", ""),
    ]
    return [bad(name, desc, **_of(each)) for name, desc, each in cases]


def _renamed() -> PrivateKey:
    return PrivateKey("other.example/log", LOG.kind, LOG.seed)


def _unsorted() -> list[str]:
    return sorted((f"key {LOG.vkey}", f"key {NEXT.vkey}"), reverse=True)


def _flip_last(note: str) -> str:
    lines = note.split("\n")
    return "\n".join([*lines[:-2], flip_base64(lines[-2], 60), ""])
