"""A strength that the evidence does not support is neither written nor read, and what is composed is supported."""

import json
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from directory.mappings import Evidence, EvidenceKind, Network, Strength
from directory.members.errors import MemberError
from directory.members.publications import compose_mapping
from federation.errors import InvalidStatement
from federation.protocol.statement import Statement, encode_statement, parse_statement
from tests.directory.members.people import bluesky, linked, mastodon, names_of, x_account
from tests.harness.clock import START
from tests.vectors.of_statements import statement_values

K = EvidenceKind
SAID: Final = statement_values()
X_LINK: Final = "https://x.com/ada_l"
NEW_LINK: Final = "https://social.example/@ada"


def with_evidence(name: str, *items: Any) -> bytes:
    """Makes the body of a good statement with other evidence, as a peer could write it."""
    body = json.loads(encode_statement(SAID[name]))
    body["evidence"] = [item if isinstance(item, dict) else {"at": 1, "kind": item} for item in items]
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def link(ref: str | None) -> dict[str, Any]:
    return {"at": 1, "kind": "profile-link"} | ({} if ref is None else {"ref": ref})


@pytest.mark.parametrize(
    ("name", "items"),
    [
        ("bound", ["bluesky-oauth"]),
        ("bound", ["x-post-id"]),
        ("bound", ["x-post-handle", "bluesky-oauth"]),
        ("bound", ["x-confirmed", "bluesky-oauth"]),
        ("bound", ["x-post-id", "mastodon-oauth"]),
        ("bound", [link(X_LINK), link(NEW_LINK), "bluesky-oauth"]),
        ("mastodon", ["x-oauth", "bluesky-oauth"]),
        ("handle", ["mastodon-oauth"]),
        ("handle", ["x-confirmed"]),
        ("handle", ["x-post-id", "mastodon-oauth"]),
        ("handle", ["x-post-handle", "bluesky-oauth"]),
        ("linked", ["x-post-id", "mastodon-oauth"]),
        ("linked", [link(X_LINK), "mastodon-oauth"]),
        ("linked", [link(X_LINK), link(X_LINK)]),
        ("linked", [link(NEW_LINK), link(NEW_LINK)]),
        ("linked", [link(X_LINK), link(None)]),
        ("linked", [link("https://x.com/mallory"), link(NEW_LINK)]),
        ("linked", [link(X_LINK), link("https://twitter.com/ada")]),
        ("linked", [link("https://x.com/ada/status/1"), link(NEW_LINK)]),
    ],
)
def test_a_strength_without_its_evidence_says_nothing(name: str, items: list[Any]) -> None:
    """A peer writes `bound` over a name that it never saw proven, to have it followed unseen everywhere."""
    with pytest.raises(InvalidStatement):
        parse_statement(with_evidence(name, *items))


@pytest.mark.parametrize(
    ("name", "items"),
    [
        ("bound", ["x-oauth", "bluesky-oauth"]),
        ("bound", ["bluesky-oauth", "mastodon-oauth", "x-confirmed", "x-post-id"]),
        ("handle", ["mastodon-oauth", "x-confirmed"]),
        ("linked", [link(NEW_LINK), link(X_LINK)]),
    ],
)
def test_a_strength_with_its_evidence_is_read(name: str, items: list[Any]) -> None:
    statement = parse_statement(with_evidence(name, *items))
    assert len(statement.evidence) == len(items)


@pytest.mark.parametrize("kind", ["demo", "import"])
def test_what_is_no_proof_voids_a_body_that_is_proven_besides(kind: str) -> None:
    with pytest.raises(InvalidStatement):
        parse_statement(with_evidence("bound", "x-post-id", "bluesky-oauth", kind))


def test_evidence_of_a_later_version_is_ignored_and_counts_for_nothing() -> None:
    """A kind that is added later must not void the body for readers of this version, and must not help it."""
    known = parse_statement(with_evidence("bound", "x-post-id", "bluesky-oauth"))
    later = {"at": 2, "kind": "x-passkey", "ref": "anything"}
    assert parse_statement(with_evidence("bound", later, "x-post-id", "a" * 32, "bluesky-oauth")) == known
    with pytest.raises(InvalidStatement):
        parse_statement(with_evidence("bound", later, "bluesky-oauth"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "X-Passkey"},
        {"kind": ""},
        {"kind": "1x"},
        {"kind": "a" * 33},
        {"kind": "x-passkey\n"},
        {"kind": 1},
        {"ref": ""},
        {"ref": "a" * 501},
        {"at": -1},
        {"more": "a field"},
    ],
)
def test_evidence_of_a_later_version_keeps_to_the_form(wrong: dict[str, Any]) -> None:
    later = {"at": 2, "kind": "x-passkey"} | wrong
    with pytest.raises(InvalidStatement):
        parse_statement(with_evidence("bound", "x-post-id", "bluesky-oauth", later))


def test_ignored_evidence_counts_among_the_eight() -> None:
    """A body that is padded with kinds that nobody knows stays as small as any."""
    proven = ["x-post-id", "bluesky-oauth"]
    assert len(parse_statement(with_evidence("bound", *proven, *["later"] * 6)).evidence) == 2
    with pytest.raises(InvalidStatement):
        parse_statement(with_evidence("bound", *proven, *["later"] * 7))


def test_ext_is_kept_and_means_nothing() -> None:
    told = replace(SAID["bound"], ext=(("a", "1"), ("b_2", "some text")))
    body = encode_statement(told)
    assert parse_statement(body) == told
    assert told.to_mapping("o", 1) == SAID["bound"].to_mapping("o", 1)
    with pytest.raises(InvalidStatement):
        parse_statement(body.replace(b'"ext":{"a":"1","b_2":"some text"}', b'"ext":{}'))
    with pytest.raises(InvalidStatement):
        parse_statement(body.replace(b'"a":"1"', b'"a":1'))


_pieces = st.lists(
    st.builds(
        Evidence,
        kind=st.sampled_from(sorted(K)),
        at=st.just(START) | st.just(START - timedelta(days=170)),
        ref=st.sampled_from([None, "", "20", X_LINK, NEW_LINK, "https://twitter.com/ada"]),
        names=st.sampled_from([(), names_of(bluesky("ada")), names_of(mastodon("ada"))]),
    ),
    max_size=4,
)


@given(
    st.sampled_from([bluesky("ada"), mastodon("ada")]),
    st.sampled_from([None, 5]),
    _pieces,
    _pieces.map(lambda pieces: [replace(piece, names=()) for piece in pieces]),
)
def test_what_is_composed_can_always_be_read(
    account: Any, x_id: int | None, on_x: list[Evidence], there: list[Evidence]
) -> None:
    """Otherwise an instance would publish a mapping that says nothing to its peers, and to itself."""
    refused = {K.DEMO, K.IMPORT}
    x = linked(x_account("ada", x_id), *on_x, number=3)
    target = linked(account, *there, number=4)
    with suppress(MemberError):
        mapping = compose_mapping(x, target, "one.example/log", START)
        if mapping.strength is Strength.IMPORTED or refused & {item.kind for item in mapping.evidence}:
            return
        if any(item.ref == "" for item in mapping.evidence):
            return
        statement = Statement.of(mapping)
        assert parse_statement(encode_statement(statement)) == statement
        assert Network(mapping.network) is statement.network
