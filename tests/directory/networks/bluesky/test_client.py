"""What a client publishes, and what it never does."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from directory.networks.bluesky.client import (
    CLIENT_METADATA_PATH,
    JWKS_PATH,
    MAX_CLIENT_KEYS,
    SCOPE_ARRANGE,
    SCOPE_FOLLOW,
    SCOPE_FOLLOW_BROAD,
    SCOPES,
    ClientKeys,
    LoopbackClient,
    PublishedClient,
    may_call,
    may_create,
    may_follow,
)
from directory.networks.bluesky.dpop import SigningKey
from directory.networks.sign_in_errors import NeedsSignIn

BASE = "https://find.example.org"
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def client(keys: ClientKeys) -> PublishedClient:
    return PublishedClient(BASE, lambda: "Passerelle", keys, [f"{BASE}/auth/bluesky/callback"])


def test_the_document_is_where_it_says() -> None:
    document = client(ClientKeys.generate()).metadata()
    assert document["client_id"] == BASE + CLIENT_METADATA_PATH
    assert document["jwks_uri"] == BASE + JWKS_PATH
    assert document["redirect_uris"] == [f"{BASE}/auth/bluesky/callback"]
    assert "private_key_jwt" in document.values()
    assert document["dpop_bound_access_tokens"] is True


def test_terms_are_named_only_where_there_are_any() -> None:
    keys = ClientKeys.generate()
    assert "tos_uri" not in client(keys).metadata()
    with_terms = PublishedClient(BASE, lambda: "Passerelle", keys, [], terms_uri=f"{BASE}/terms")
    assert with_terms.metadata()["tos_uri"] == f"{BASE}/terms"


def test_all_that_is_asked_for_is_declared() -> None:
    declared = str(client(ClientKeys.generate()).metadata()["scope"]).split()
    asked = " ".join(scope for scopes in SCOPES.values() for scope in scopes)
    assert set(asked.split()) == set(declared)


def test_only_public_halves_are_published() -> None:
    keys = ClientKeys.generate().rotated()
    jwks = json.loads(json.dumps(client(keys).jwks()))
    assert len(jwks["keys"]) == 3
    assert all(set(key) == {"kty", "crv", "x", "y", "use", "alg", "kid"} for key in jwks["keys"])


def test_an_assertion_is_checked_by_what_is_published() -> None:
    ours = client(ClientKeys.generate())
    fields = ours.credentials("client", "https://pds.test", ours.key_id, NOW)
    published: Any = ours.jwks()
    token = jwt.decode(fields["client_assertion"], KeySet.import_key_set(published), algorithms=["ES256"])
    assert token.claims["iss"] == token.claims["sub"] == "client"
    assert token.claims["aud"] == "https://pds.test"
    assert token.claims["exp"] - token.claims["iat"] == 60
    again = ours.credentials("client", "https://pds.test", ours.key_id, NOW)
    assert again["client_assertion"] != fields["client_assertion"], "each serves once"


def test_keys_rotate_without_a_gap() -> None:
    """The key that signs next is published one rotation before."""
    keys = ClientKeys.generate()
    for _ in range(MAX_CLIENT_KEYS + 3):
        published: Any = client(keys).jwks()
        older, keys = keys, keys.rotated()
        assert keys.signing_id in {key["kid"] for key in published["keys"]}
        assert keys.get(older.signing_id) is not None
        assert ClientKeys.from_json(keys.to_json()).jwks() == keys.jwks()
    assert len(json.loads(keys.to_json())) == MAX_CLIENT_KEYS


def test_a_key_that_leaked_is_gone_at_once() -> None:
    keys = ClientKeys.generate()
    leaked = keys.signing_id
    left = keys.without(leaked)
    assert left.get(leaked) is None
    assert left.signing_id != leaked
    with pytest.raises(NeedsSignIn):
        client(left).credentials("client", "https://pds.test", leaked, NOW)


@pytest.mark.parametrize("stored", [b"", b"{}", b"[]", b'["{}","{}"]', b"\xff", b"[1,2]"])
def test_stored_keys_that_are_none(stored: bytes) -> None:
    with pytest.raises(ValueError, match="keys"):
        ClientKeys.from_json(stored)


def test_a_key_of_another_kind_is_no_session_key() -> None:
    public = json.dumps(SigningKey.generate().public_jwk())
    for text in (public, '{"kty":"oct","k":"AAAA"}', "", "{"):
        with pytest.raises(NeedsSignIn):
            SigningKey.from_json(text)


def test_on_one_machine_the_id_is_the_document() -> None:
    ours = LoopbackClient()
    parts = urlsplit(ours.client_id("http://127.0.0.1:8000/back"))
    assert (parts.scheme, parts.netloc, parts.path) == ("http", "localhost", "")
    assert parse_qs(parts.query)["redirect_uri"] == ["http://127.0.0.1:8000/back"]
    with pytest.raises(NeedsSignIn):
        ours.credentials("client", "https://pds.test", "a key", NOW)


@pytest.mark.parametrize(
    ("granted", "may"),
    [
        ("atproto", False),
        (SCOPE_FOLLOW, True),
        (SCOPE_FOLLOW_BROAD, True),
        ("atproto repo:app.bsky.graph.follow", True),
        ("atproto repo:app.bsky.graph.follow?action=delete", False),
        ("atproto repo:app.bsky.graph.followers?action=create", False),
        ("", False),
    ],
)
def test_who_may_follow(granted: str, may: bool) -> None:
    assert may_follow(granted) is may


def test_blocks_mutes_and_lists_need_more_than_follows() -> None:
    """Whoever agreed to follows alone is not taken at more than their word."""
    for granted, may in ((SCOPE_FOLLOW, False), (SCOPE_ARRANGE, True), (SCOPE_FOLLOW_BROAD, True)):
        assert may_create(granted, "app.bsky.graph.block") is may
        assert may_create(granted, "app.bsky.graph.listitem") is may
        assert may_call(granted, "app.bsky.graph.muteActor") is may
