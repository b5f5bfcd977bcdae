import json
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from directory.identifiers import Acct, ActorUri, AtHandle, Did, XHandle, XId
from directory.mappings import Evidence, EvidenceKind, Mapping, Network, Strength
from federation.errors import InvalidStatement
from federation.protocol import canonical
from federation.protocol.statement import (
    MAX_BODY_BYTES,
    Statement,
    commitment,
    encode_statement,
    make_salts,
    parse_statement,
)
from tests.federation.strategies import raises_only, spoiled, statements

ISSUED = datetime(2026, 3, 1, 12, tzinfo=UTC)
STATEMENT = Statement(
    XId(12),
    XHandle("Ada_L"),
    Network.BLUESKY,
    Did.parse("did:plc:" + "a" * 24),
    AtHandle.parse("ada.example.org"),
    Strength.BOUND,
    (
        Evidence(EvidenceKind.X_POST_ID, ISSUED, "https://x.com/Ada_L/status/20"),
        Evidence(EvidenceKind.BLUESKY_OAUTH, ISSUED),
    ),
    ISSUED,
    ISSUED + timedelta(days=180),
)
BODY = encode_statement(STATEMENT)


def test_the_body_is_plain_sorted_json() -> None:
    assert json.dumps(json.loads(BODY), sort_keys=True, separators=(",", ":")).encode() == BODY
    assert json.loads(BODY) == {
        "evidence": [
            {"at": 1772366400, "kind": "x-post-id", "ref": "https://x.com/Ada_L/status/20"},
            {"at": 1772366400, "kind": "bluesky-oauth"},
        ],
        "expires": 1787918400,
        "issued": 1772366400,
        "strength": "bound",
        "to": {"handle": "ada.example.org", "id": "did:plc:" + "a" * 24, "network": "bluesky"},
        "v": 1,
        "x": {"handle": "Ada_L", "id": "12"},
    }


@given(statements())
def test_what_is_written_is_read_again(statement: Statement) -> None:
    body = encode_statement(statement)
    assert parse_statement(body) == statement
    assert json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode() == body
    assert Statement.of(statement.to_mapping("example.org/log", 5)) == replace(statement, ext=())


@given(spoiled(BODY) | statements().flatmap(lambda each: spoiled(encode_statement(each))) | st.binary())
@example(b"[" * 4_000)
@example(b'{"v":' + b"[" * 3_000)
@example(b'{"v":' + b"9" * 3_990 + b"}")
@example(b"")
def test_anything_else_is_refused_with_one_error(body: bytes) -> None:
    statement = raises_only(InvalidStatement, parse_statement, body)
    if statement is not None:
        assert json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode() == body
        ignored = len(json.loads(body)["evidence"]) > len(statement.evidence)
        assert ignored or encode_statement(statement) == body


def change(body: bytes, *path: str | int, to: Any) -> bytes:
    """Returns `body` with the value at `path` replaced, or left out where `to` is None; still canonical JSON."""
    value = json.loads(body)
    at = value
    for step in path[:-1]:
        at = at[step]
    if to is None:
        del at[path[-1]]
    else:
        at[path[-1]] = to
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_a_change_that_makes_sense_is_read() -> None:
    assert parse_statement(change(BODY, "x", "handle", to="ada")) == replace(
        STATEMENT, x_handle=XHandle("ada")
    )


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (("strength",), "imported"),
        (("strength",), "BOUND"),
        (("strength",), "handle"),
        (("x", "id"), None),
        (("x", "id"), "012"),
        (("x", "id"), 12),
        (("x", "id"), "9223372036854775808"),
        (("x", "handle"), "@ada"),
        (("x", "handle"), None),
        (("x", "name"), "Ada"),
        (("to", "network"), "mastodon"),
        (("to", "network"), "x"),
        (("to", "id"), "did:web:EXAMPLE.org"),
        (("to", "handle"), "Ada.example.org"),
        (("to", "handle"), "@ada.example.org"),
        (("evidence",), []),
        (("evidence",), [{"at": 1, "kind": "x-post-id"}] * 9),
        (("evidence", 0, "kind"), "import"),
        (("evidence", 0, "kind"), "hearsay"),
        (("evidence", 0, "ref"), ""),
        (("evidence", 0, "ref"), "a" * 501),
        (("evidence", 0, "ref"), 'a"b'),
        (("evidence", 0, "ref"), "é"),
        (("evidence", 0, "ref"), "a\\b"),
        (("evidence", 0, "at"), -1),
        (("evidence", 0, "at"), 1.5),
        (("evidence", 0, "at"), 253_402_300_800),
        (("issued",), "1772366400"),
        (("issued",), True),
        (("expires",), 1772366400),
        (("expires",), 1772366400 + 180 * 86_400 + 1),
        (("v",), 2),
        (("v",), None),
        (("more",), 1),
    ],
)
def test_a_body_that_says_something_else_is_refused(path: tuple[str | int, ...], to: Any) -> None:
    with pytest.raises(InvalidStatement):
        parse_statement(change(BODY, *path, to=to))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'{"evidence"', b' {"evidence"'),
        (b'"v":1', b'"v":1.0'),
        (b'"v":1', b'"v":1,"v":1'),
        (b'"id":"12"', b'"id":"\\u00312"'),
        (b'"id":"12"', b'"id":"12","id":"12"'),
        (b'"kind":"bluesky-oauth"', b'"kind":"bluesky-oauth","ref":null'),
        (b'"v":1,"x":{"handle":"Ada_L","id":"12"}', b'"x":{"handle":"Ada_L","id":"12"},"v":1'),
        (b"}}", b"}}\n"),
        (b"https://x.com", b"https:\\/\\/x.com"),
    ],
)
def test_one_value_has_one_form(old: bytes, new: bytes) -> None:
    """Two spellings of one mapping would let its log show different bytes to different readers."""
    assert old in BODY
    with pytest.raises(InvalidStatement):
        parse_statement(BODY.replace(old, new))


@pytest.mark.parametrize(
    "wrong",
    [
        {"strength": Strength.IMPORTED},
        {"x_id": None},
        {"strength": Strength.HANDLE},
        {"network": Network.MASTODON},
        {"target_id": ActorUri.parse("https://example.org/users/ada")},
        {"target_handle": Acct("ada", "example.org")},
        {"evidence": ()},
        {"evidence": (Evidence(EvidenceKind.IMPORT, ISSUED),)},
        {"evidence": (*STATEMENT.evidence, Evidence(EvidenceKind.IMPORT, ISSUED))},
        {"evidence": (*STATEMENT.evidence, Evidence(EvidenceKind.DEMO, ISSUED))},
        {"evidence": STATEMENT.evidence * 5},
        {"evidence": (*STATEMENT.evidence, Evidence(EvidenceKind.X_OAUTH, ISSUED, ""))},
        {"ext": (("A", "upper case"),)},
        {"expires": ISSUED},
        {"expires": ISSUED + timedelta(days=180, seconds=1)},
        {"issued": ISSUED.replace(microsecond=1)},
        {"issued": ISSUED.replace(tzinfo=None)},
        {"issued": ISSUED.astimezone(timezone(timedelta(hours=1)))},
        {"issued": datetime(1969, 12, 31, tzinfo=UTC), "expires": datetime(1970, 1, 2, tzinfo=UTC)},
    ],
)
def test_a_mapping_that_no_log_may_say_is_not_written(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidStatement):
        replace(STATEMENT, **wrong)


@pytest.mark.parametrize(
    "unreadable",
    [
        {"x_handle": XHandle("@ada")},
        {"x_handle": XHandle("ada lovelace")},
        {"x_handle": XHandle("a" * 21)},
        {"x_id": XId(0)},
        {"x_id": XId(2**63)},
        {"target_id": Did("did:plc:short")},
        {"target_id": Did("did:web:Example.org")},
        {"target_handle": AtHandle("Ada.example.org")},
        {"target_handle": AtHandle("ada")},
        {"evidence": (Evidence(EvidenceKind.X_POST_ID, ISSUED, "a\u0000"), STATEMENT.evidence[1])},
    ],
    ids=str,
)
def test_what_nobody_could_read_is_not_written(unreadable: dict[str, Any]) -> None:
    with pytest.raises(InvalidStatement, match="cannot be said"):
        encode_statement(replace(STATEMENT, **unreadable))


def test_a_body_that_grows_too_long_is_not_written() -> None:
    sign_in = STATEMENT.evidence[1]
    long = replace(
        STATEMENT,
        evidence=(*(Evidence(EvidenceKind.X_POST_ID, ISSUED, "a" * 500),) * 7, sign_in),
        ext=(("a", "a" * 500),),
    )
    with pytest.raises(InvalidStatement):
        encode_statement(long)
    with pytest.raises(InvalidStatement):
        encode_statement(
            replace(STATEMENT, evidence=(Evidence(EvidenceKind.X_POST_ID, ISSUED, "é"), sign_in))
        )
    with pytest.raises(InvalidStatement):
        parse_statement(BODY + b" " * MAX_BODY_BYTES)


def test_a_mapping_from_the_directory_is_said_in_whole_seconds() -> None:
    mapping = STATEMENT.to_mapping("example.org/log", 7)
    assert (mapping.origin, mapping.leaf) == ("example.org/log", 7)
    later = timezone(timedelta(hours=2))
    shifted = Mapping(
        **{name: getattr(mapping, name) for name in mapping.__struct_fields__}
        | {
            "issued": ISSUED.astimezone(later) + timedelta(microseconds=999),
            "expires": mapping.expires + timedelta(microseconds=5),
        }
    )
    assert Statement.of(shifted) == STATEMENT
    naive = {"issued": ISSUED.replace(tzinfo=None)}
    with pytest.raises(InvalidStatement):
        Statement.of(Mapping(**{name: getattr(mapping, name) for name in mapping.__struct_fields__} | naive))


def test_a_commitment_binds_salt_and_body_as_they_are_served() -> None:
    salt = bytes(range(32))
    assert commitment(salt, BODY) == sha256(b"passerelle/mapping/v1\x00" + salt + BODY).digest()
    assert (
        commitment(salt, b"not canonical")
        == sha256(b"passerelle/mapping/v1\x00" + salt + b"not canonical").digest()
    )
    for length in (0, 31, 33):
        with pytest.raises(InvalidStatement):
            commitment(bytes(length), BODY)


def test_evidence_of_a_kind_that_is_not_known_is_left_out() -> None:
    assert parse_statement(_with_kind("hearsay-2")) == STATEMENT


@pytest.mark.parametrize("kind", ["", "Hearsay", "-hearsay", "2-hearsay", "a" * 33, "hear_say", "hearsay "])
def test_a_kind_of_evidence_that_is_no_word_is_refused(kind: str) -> None:
    with pytest.raises(InvalidStatement):
        parse_statement(_with_kind(kind))


def _with_kind(kind: str) -> bytes:
    """Returns the body with one more piece of evidence."""
    pieces = json.loads(BODY)["evidence"]
    return change(BODY, "evidence", to=[*pieces, {"at": 1772366400, "kind": kind}])


def test_texts_are_printable_ascii_that_is_never_escaped() -> None:
    for character in map(chr, range(0x300)):
        if " " <= character <= "~" and character not in {'"', "\\"}:
            assert canonical.encode([character]) == f'["{character}"]'.encode()
        else:
            with pytest.raises(ValueError, match="not allowed"):
                canonical.encode([character])


def test_each_salt_is_new() -> None:
    """One salt for two leaves would let whoever knows one body guess the other."""
    salts = {*make_salts(50), *make_salts(50)}
    assert len(salts) == 100
    assert {len(salt) for salt in salts} == {32}
