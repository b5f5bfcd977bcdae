"""Requests to a witness, good and bad, and the status that each is answered with."""

from typing import Any, Final

from federation.protocol.add_checkpoint import MAX_PROOF_LINES, AddCheckpoint
from federation.tlog.checkpoint import Checkpoint, sign_checkpoint
from federation.tlog.keys import KeyKind, PrivateKey
from federation.tlog.merkle import EMPTY_ROOT
from federation.tlog.note import Note, Signature
from federation.tlog.text import encode_base64
from tests.vectors.fixed import (
    LOG,
    ORIGIN,
    OWN_WITNESS,
    STRANGER,
    Case,
    bad,
    base64,
    good,
    make_seed,
    root,
    tree,
)
from tests.vectors.of_evidence import forked_root, forked_tree

KEPT: Final = 200
_HASH: Final = encode_base64(b"h" * 32)


def _note(size: int, of_root: bytes | None = None, *keys: PrivateKey) -> Note:
    tree_root = root(size) if of_root is None and size else of_root or EMPTY_ROOT
    return sign_checkpoint(Checkpoint(ORIGIN, size, tree_root), keys or [LOG])


def _proof(old: int, size: int) -> tuple[bytes, ...]:
    return tree(size).prove_consistency(old) if 0 < old < size else ()


def _request(old: int, size: int, note: Note | None = None, proof: tuple[bytes, ...] | None = None) -> bytes:
    hashes = _proof(old, size) if proof is None else proof
    return bytes(AddCheckpoint(old, hashes, bytes(note or _note(size))))


def _fields(request: bytes, kept: int | None, status: int) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "request": base64(request),
        "origin": ORIGIN,
        "logKeys": [str(LOG.vkey)],
        "keptSize": kept,
        "keptRoot": None if kept is None else base64(root(kept) if kept else EMPTY_ROOT),
        "status": status,
    }
    return fields | ({"told": f"{kept or 0}\n"} if status == 409 else {})


def _good(name: str, desc: str, request: bytes, kept: int | None = KEPT) -> Case:
    return good(name, desc, **_fields(request, kept, 200))


def _bad(name: str, desc: str, status: int, request: bytes, kept: int | None = KEPT) -> Case:
    return bad(name, desc, **_fields(request, kept, status))


def _with_line(line: Signature) -> Note:
    return _note(300).signed_also([line])


def _head(old: str, *lines: str) -> bytes:
    return "\n".join([old, *lines, "", ""]).encode() + bytes(_note(300))


def requests() -> list[Case]:
    return [*_goods(), *_malformed(), *_untrusted(), *_inconsistent()]


def _goods() -> list[Case]:
    others = [Signature(f"w{n}.example/witness", b"abcd", b"\0" * 72) for n in range(99)]
    forged = Signature(OWN_WITNESS.name, OWN_WITNESS.vkey.key_id, b"\0" * 72)
    return [
        _good("first", "nothing was cosigned before", _request(0, 300), None),
        _good("first-empty", "an empty tree has a root too", _request(0, 0), None),
        _good("from-empty", "what was cosigned was empty", _request(0, 300), 0),
        _good("grown", "a tree that has grown", _request(KEPT, 300)),
        _good("perfect", "the proof of a perfect tree begins beside it", _request(256, 300), 256),
        _good("same", "the same tree again: its time is renewed", _request(KEPT, KEPT)),
        _good(
            "forged-line",
            "a forged line of the witness itself is ignored",
            _request(KEPT, 300, _with_line(forged)),
        ),
        _good(
            "signatures-100",
            "as many lines as a note may have",
            _request(KEPT, 300, _note(300).signed_also(others)),
        ),
    ]


def _malformed() -> list[Case]:
    overfull = (
        _request(
            KEPT,
            300,
            _note(300).signed_also(
                [Signature(f"w{n}.example/witness", b"abcd", b"\0" * 72) for n in range(99)]
            ),
        )
        + f"{Signature('w99.example/witness', b'abcd', b'0' * 72)}\n".encode()
    )
    return [
        _bad("empty", "nothing", 400, b""),
        _bad("no-old", "no old size", 400, b"\n\n" + bytes(_note(300))),
        _bad("old-sign", "a sign", 400, _head("old +200")),
        _bad("old-zero", "a leading zero", 400, _head("old 0200")),
        _bad("old-space", "two spaces", 400, _head("old  200")),
        _bad("old-large", "2^63", 400, _head("old 9223372036854775808")),
        _bad("old-upper", "another word", 400, _head("OLD 200")),
        _bad("carriage-return", "lines end in LF", 400, _head("old 200\r")),
        _bad("hash-short", "31 bytes", 400, _head("old 200", encode_base64(b"h" * 31))),
        _bad("hash-bits", "base64 whose unused bits are not zero", 400, _head("old 200", _HASH[:-2] + "B=")),
        _bad(
            "hashes-64",
            "more hashes than any proof has",
            400,
            _head("old 200", *[_HASH] * (MAX_PROOF_LINES + 1)),
        ),
        _bad("no-checkpoint", "nothing after the empty line", 400, b"old 200\n\n"),
        _bad("signatures-101", "more lines than a note may have", 400, overfull),
        _bad("old-above", "the old size is larger than the checkpoint's", 400, _request(KEPT, 100, proof=())),
    ]


def _untrusted() -> list[Case]:
    other = PrivateKey("other.example/log", KeyKind.NOTE, make_seed("stranger"))
    false = Signature(ORIGIN, LOG.vkey.key_id, b"\0" * 64)
    elsewhere = sign_checkpoint(Checkpoint(other.name, 300, root(300)), [other])
    return [
        _bad(
            "stranger",
            "no key of this log has signed it",
            403,
            _request(KEPT, 300, _note(300, None, STRANGER)),
        ),
        _bad(
            "false-line",
            "a line of the log's key is false",
            403,
            _request(KEPT, 300, Note(_note(300).text, (false,))),
        ),
        _bad(
            "false-beside",
            "a false line of the log's key beside a true one",
            403,
            _request(KEPT, 300, _with_line(false)),
        ),
        _bad("other-log", "a log that this witness does not know", 404, _request(KEPT, 300, elsewhere)),
    ]


def _inconsistent() -> list[Case]:
    wrong_empty = _note(0, b"x" * 32)
    proof = _proof(KEPT, 300)
    fork = Checkpoint(ORIGIN, 300, forked_root(300))
    forked = sign_checkpoint(fork, [LOG])
    return [
        _bad("behind", "less was cosigned than the log believes", 409, _request(250, 300)),
        _bad("ahead", "more was cosigned than the log believes", 409, _request(100, 300)),
        _bad("from-nothing", "something was cosigned before", 409, _request(0, 300)),
        _bad("replayed", "a smaller tree that was cosigned once", 409, _request(100, 150)),
        _bad("nothing-kept", "nothing was cosigned before", 409, _request(KEPT, 300), None),
        _bad("no-proof", "the proof is missing", 422, _request(KEPT, 300, proof=())),
        _bad("short-proof", "a hash of the proof is missing", 422, _request(KEPT, 300, proof=proof[:-1])),
        _bad("long-proof", "a hash too many", 422, _request(KEPT, 300, proof=(*proof, proof[0]))),
        _bad(
            "fork",
            "another tree of a larger size, with a proof of its own",
            422,
            _request(250, 300, forked, forked_tree(300).prove_consistency(250)),
            250,
        ),
        _bad(
            "fork-same-size",
            "another tree of the same size: evidence of a fork",
            422,
            _request(300, 300, forked),
            300,
        ),
        _bad(
            "proof-of-same", "a proof where nothing is to be proven", 422, _request(KEPT, KEPT, proof=proof)
        ),
        _bad("proof-from-0", "a proof from nothing", 422, _request(0, 300, proof=proof), None),
        _bad("empty-root", "an empty tree with another root", 422, _request(0, 0, wrong_empty), None),
    ]
