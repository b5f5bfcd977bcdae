"""Proofs of possession, and the nonces that servers want in them."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from directory.networks.bluesky.dpop import SigningKey, dpop_proof
from directory.networks.bluesky.requests import MAX_NONCES, DpopRequests, Nonces
from directory.networks.http import GuardedClient
from directory.networks.oauth import base64url
from tests.harness.fake_mastodon.fixtures import http_fixture, internet_fixture
from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response

Kind = tuple[int, dict[str, str], dict[str, str]]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def opened(proof: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a proof whose signature fits the key within it (RFC 9449, 4.3)."""
    key = ECKey.import_key(jws.extract_compact(proof.encode()).headers()["jwk"])
    checked = jws.deserialize_compact(proof, key, algorithms=["ES256"])
    assert checked.payload is not None
    return checked.headers(), json.loads(checked.payload)


def test_a_proof_says_what_it_is_for() -> None:
    key = SigningKey.generate()
    header, claims = opened(
        dpop_proof(key, "POST", "https://pds.test/x?y=z#w", NOW, nonce="n", access="token")
    )
    assert header["typ"] == "dpop+jwt"
    assert header["jwk"] == key.public_jwk()
    assert claims["htm"] == "POST"
    assert claims["htu"] == "https://pds.test/x"
    assert claims["iat"] == NOW.timestamp()
    assert claims["nonce"] == "n"
    assert claims["ath"] == base64url(hashlib.sha256(b"token").digest())


def test_no_two_proofs_are_alike() -> None:
    key = SigningKey.generate()
    proofs = [opened(dpop_proof(key, "GET", "https://pds.test/", NOW, nonce=None))[1] for _ in range(3)]
    assert len({claims["jti"] for claims in proofs}) == 3
    assert not any({"nonce", "ath"} & set(claims) for claims in proofs)


class Nonced:
    """A server that changes its nonce, and takes only the newest."""

    def __init__(self, status: int, header: dict[str, str], body: object) -> None:
        self.nonce = 1
        self.refusal = (status, header, json.dumps(body).encode())
        self.forms: list[str] = []

    def __call__(self, request: Request) -> Response:
        _, claims = opened(request.headers["dpop"])
        self.forms.append(request.body.decode())
        headers = {"dpop-nonce": f"nonce-{self.nonce}"}
        if claims.get("nonce") == headers["dpop-nonce"]:
            return Response(200, b"{}", headers)
        status, more, body = self.refusal
        return Response(status, body, headers | more)


AUTHORIZATION_SERVER: Kind = (400, {"content-type": "application/json"}, {"error": "use_dpop_nonce"})
RESOURCE_SERVER: Kind = (401, {"www-authenticate": 'DPoP error="use_dpop_nonce", error_description="x"'}, {})


internet = internet_fixture()
http = http_fixture()


@pytest.mark.parametrize("kind", [AUTHORIZATION_SERVER, RESOURCE_SERVER])
async def test_nonces_rotate(internet: FakeInternet, http: GuardedClient, kind: Kind) -> None:
    """One more request when the nonce is new, none when it is still good."""
    server = internet.sites["pds.test"] = Nonced(*kind)
    requests, key = DpopRequests(http), SigningKey.generate()
    counter = iter(range(100))
    for expected in (2, 1, 1):
        before = len(server.forms)
        answer = await requests.post_form(
            "https://pds.test/token", lambda: {"n": str(next(counter))}, key, NOW
        )
        assert answer.status == 200
        assert len(server.forms) - before == expected
    server.nonce = 2
    assert (await requests.post_form("https://pds.test/token", lambda: {"n": "x"}, key, NOW)).status == 200
    assert server.forms[:2] == ["n=0", "n=1"], "what is signed in the form is made anew"


async def test_a_server_that_never_takes_its_own_nonce(internet: FakeInternet, http: GuardedClient) -> None:
    """It would have us ask for ever: we ask twice."""
    server = internet.sites["pds.test"] = Nonced(*AUTHORIZATION_SERVER)

    def moving(request: Request) -> Response:
        server.nonce += 1
        return server(request)

    internet.sites["pds.test"] = moving
    answer = await DpopRequests(http).post_form("https://pds.test/token", dict, SigningKey.generate(), NOW)
    assert answer.status == 400
    assert len(server.forms) == 2


def test_nonces_are_each_servers_own_and_bounded() -> None:
    nonces = Nonces()
    nonces.keep("https://one.test/a?b", "1")
    assert nonces.get("https://one.test:443/c") == "1"
    assert nonces.get("https://two.test/a") is None
    nonces.keep("https://one.test/", None)
    nonces.keep("https://one.test/", "x" * 10_000)
    assert nonces.get("https://one.test/") == "1"
    for number in range(MAX_NONCES + 10):
        nonces.keep(f"https://n{number}.test/", "n")
    assert nonces.get("https://one.test/") is None
    assert nonces.get(f"https://n{MAX_NONCES + 9}.test/") == "n"
