"""Generates what the formats of the log are tested with: valid values, and damaged forms of them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

from hypothesis import strategies as st

from directory.identifiers import Acct, ActorUri, AtHandle, Did, XHandle, XId
from directory.mappings import Evidence, EvidenceKind, Network, Strength
from directory.proofs.strength import SIGN_IN_AT
from federation.errors import Malformed
from federation.protocol.entry import (
    Entry,
    MappingEntry,
    OperationsEntry,
    RevokeEntry,
    UnknownEntry,
    parse_entry,
)
from federation.protocol.statement import LOGGED_EVIDENCE, MAX_VALIDITY, Statement
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.ed25519 import Seed
from federation.tlog.keys import KeyKind, PrivateKey
from federation.tlog.note import Note, Signature

D = TypeVar("D")
T = TypeVar("T")

_NAME_CHARS = st.characters(
    codec="utf-8", exclude_categories=("Cc", "Zs", "Zl", "Zp"), exclude_characters="+"
)
_LINE_CHARS = st.characters(codec="utf-8", exclude_characters="".join(map(chr, range(32))))

hashes = st.binary(min_size=32, max_size=32)
key_names = st.sampled_from(["example.org/log", "example.org/witness", "a"]) | st.text(
    _NAME_CHARS, min_size=1, max_size=20
)
lines = st.text(_LINE_CHARS, min_size=1, max_size=40)
private_keys = st.builds(PrivateKey, key_names, st.sampled_from(KeyKind), st.builds(Seed, hashes))
signatures = st.builds(
    Signature, key_names, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=90)
)
texts = st.lists(lines | st.just(""), min_size=1, max_size=6).map(lambda each: "\n".join([*each, ""]))
notes = st.builds(Note, texts, st.lists(signatures, min_size=1, max_size=4).map(tuple))
checkpoints = st.builds(
    Checkpoint, lines, st.integers(0, 2**63 - 1), hashes, st.lists(lines, max_size=2).map(tuple)
)

_EVERY_ENTRY: st.SearchStrategy[Entry] = st.one_of(
    st.builds(MappingEntry, hashes),
    st.builds(RevokeEntry, st.integers(0, 2**63 - 2), st.integers(0, 255)),
    st.builds(OperationsEntry, hashes),
    st.builds(UnknownEntry, st.binary(min_size=33, max_size=33)),
)
entries = _EVERY_ENTRY.filter(
    lambda entry: not isinstance(entry, UnknownEntry) or parse_entry(entry.raw) == entry
)

_labels = st.from_regex(r"[a-z][a-z0-9]{0,10}", fullmatch=True)
_hosts = st.builds("{}.{}".format, _labels, _labels)
_plc = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=24, max_size=24).map("did:plc:{}".format)
_refs = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='"\\'), min_size=1, max_size=60
)
moments = st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
_evidence = st.builds(
    Evidence, kind=st.sampled_from(sorted(LOGGED_EVIDENCE)), at=moments, ref=st.none() | _refs
)
_targets = st.one_of(
    st.tuples(
        st.just(Network.BLUESKY),
        st.builds(Did.parse, _plc | _hosts.map("did:web:{}".format)),
        st.builds(AtHandle.parse, _hosts),
    ),
    st.tuples(
        st.just(Network.MASTODON),
        st.builds(ActorUri.parse, st.builds("https://{}/users/{}".format, _hosts, _labels)),
        st.builds(Acct, _labels, _hosts),
    ),
)


_X_SIDE = {
    Strength.BOUND: (EvidenceKind.X_POST_ID, EvidenceKind.X_OAUTH),
    Strength.HANDLE: (EvidenceKind.X_POST_HANDLE, EvidenceKind.X_CONFIRMED),
}
_ext = st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True), _refs, max_size=3).map(
    lambda items: tuple(sorted(items.items()))
)


def _supporting(strength: Strength, network: Network, handle: XHandle) -> st.SearchStrategy[list[Evidence]]:
    """Makes evidence that supports a strength of a mapping from `handle` to `network`, in any order."""
    if strength is Strength.LINKED:
        refs: list[st.SearchStrategy[str | None]] = [
            st.sampled_from([str(handle), handle.key, str(handle).upper()]).map("https://x.com/{}".format),
            st.builds("https://{}/@{}".format, _hosts, _labels),
        ]
        kinds: list[tuple[EvidenceKind, ...]] = [(EvidenceKind.PROFILE_LINK,)] * 2
    else:
        refs = [st.none() | _refs] * 2
        kinds = [_X_SIDE[strength], (SIGN_IN_AT[network],)]
    pieces = [
        st.builds(Evidence, kind=st.sampled_from(kind), at=moments, ref=ref)
        for kind, ref in zip(kinds, refs, strict=True)
    ]
    return st.tuples(*pieces).flatmap(st.permutations)


@st.composite
def statements(draw: st.DrawFn) -> Statement:
    strength = draw(st.sampled_from([Strength.BOUND, Strength.HANDLE, Strength.LINKED]))
    network, target_id, target_handle = draw(_targets)
    issued = draw(moments)
    handle = draw(st.builds(XHandle, st.from_regex(r"[A-Za-z0-9_]{1,20}", fullmatch=True)))
    return Statement(
        draw(st.builds(XId, st.integers(1, 2**63 - 1))) if strength is Strength.BOUND else None,
        handle,
        network,
        target_id,
        target_handle,
        strength,
        (*draw(_supporting(strength, network, handle)), *draw(st.lists(_evidence, max_size=3))),
        issued,
        issued + timedelta(seconds=draw(st.integers(1, MAX_VALIDITY // timedelta(seconds=1)))),
        draw(st.booleans()),
        draw(_ext),
    )


_INSERTS = [
    b"\n",
    b"\n\n",
    b"\r",
    b"\x0b",
    b"\xe2\x80\xa8",
    b" ",
    b"+",
    b"0",
    b"_",
    b"=",
    b"\xd9\xa1",
    b"null,",
]


def _flip(part: bytes, bit: int) -> bytes:
    return bytes(byte ^ 1 << bit for byte in part[:1]) + part[1:]


@st.composite
def spoiled(draw: st.DrawFn, valid: bytes) -> bytes:
    """Makes `valid` with one to three small changes: a flipped bit, a cut, a doubling, or inserted bytes."""
    data = valid
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        end = draw(st.integers(at, min(at + 40, len(data))))
        middle = draw(
            st.sampled_from([b"", data[at:end] * 2, *_INSERTS])
            | st.binary(max_size=4)
            | st.integers(0, 7).map(partial(_flip, data[at:end]))
        )
        data = data[:at] + middle + data[end:]
    return data


def spoiled_text(valid: str) -> st.SearchStrategy[str]:
    """Makes damaged forms of a text; what is no longer UTF-8 has replacement characters."""
    return spoiled(valid.encode()).map(lambda data: data.decode(errors="replace"))


def raises_only(error: type[Malformed], parse: Callable[[D], T], data: D) -> T | None:
    """Returns what `parse` returns, None where it raises exactly `error`. Anything else is raised."""
    try:
        return parse(data)
    except Malformed as refusal:
        if type(refusal) is not error:
            raise
        return None
