"""An instance at a public https address: its cookies, and who it is to Bluesky's servers."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deploy.ports import free_port
from deploy.wiring.vault import secret_folder
from directory.networks.bluesky.client import CLIENT_METADATA_PATH, JWKS_PATH
from directory.networks.bluesky.client_key_file import CLIENT_KEYS_FILE
from tests.peers.pds import Pds, running_pds
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import Visitor

PRIVATE_PARTS = {"d", "p", "q", "dp", "dq", "qi", "k"}
"""Of a JWK: RFC 7518, section 6."""
TERMS = "https://operator.example/terms"


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def public_url() -> str:
    """The PDS keeps what it fetched from a client, and refuses names that are for examples."""
    return f"https://find-{secrets.token_hex(4)}.peertest.dev"


@pytest.fixture(scope="module")
def pds(port: int, public_url: str) -> Iterator[Pds]:
    """It finds the public address at the instance's own port, as it would behind a reverse proxy."""
    with running_pds(fetch_map={public_url: f"http://127.0.0.1:{port}"}) as running:
        yield running


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, pds: Pds, port: int, public_url: str) -> Iterator[MemberInstance]:
    with member_instance(
        module_dsn,
        data,
        pds=pds,
        jobs=False,
        port=port,
        public_url=public_url,
        terms=TERMS,
    ) as running:
        yield running


class ReverseProxy(httpx.HTTPTransport):
    """Ends TLS: what a browser asks over https, the instance is asked over http."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self._port)
        inner = httpx.Request(
            request.method,
            url,
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        return super().handle_request(inner)


@pytest.fixture
def visitor(instance: MemberInstance, port: int, public_url: str) -> Iterator[Visitor]:
    with Visitor(instance) as opened:
        opened.client.close()
        opened.client = httpx.Client(base_url=public_url, transport=ReverseProxy(port), timeout=30)
        yield opened


def is_host_cookie(line: str) -> bool:
    """What browsers ask of the prefix: Secure, for all paths, of no domain."""
    name, *attributes = [part.strip() for part in line.split(";")]
    flags = {each.lower() for each in attributes}
    return (
        name.startswith("__Host-passerelle")
        and {"secure", "path=/", "httponly", "samesite=lax"} <= flags
        and not any(each.startswith("domain") for each in flags)
    )


def test_a_real_server_lets_members_in_by_what_is_published(visitor: Visitor, pds: Pds) -> None:
    """The whole way: the PDS fetches the document and the keys, and checks our signature with them."""
    account = pds.create_account()
    first = visitor.get("/sign-in")
    back = visitor.get(visitor.way_back(pds, account))
    assert (back.status_code, back.headers["location"]) == (303, "/account/prove")
    lines = first.headers.get_list("set-cookie") + back.headers.get_list("set-cookie")
    assert lines
    assert all(map(is_host_cookie, lines)), lines
    assert "__Host-passerelle" in visitor.client.cookies
    page = visitor.get("/account").text
    assert account.handle in page
    assert visitor.send("/account", "/account/sign-out", where="here").status_code == 303
    assert visitor.get("/account").headers["location"] == "/sign-in"


def test_a_cookie_without_the_prefix_is_none(visitor: Visitor, pds: Pds) -> None:
    """Another host below the same domain can plant a cookie of any plain name: it is not read."""
    visitor.get(visitor.way_back(pds, pds.create_account()))
    token = visitor.client.cookies["__Host-passerelle"]
    assert visitor.get("/account").status_code == 200
    visitor.client.cookies.clear()
    visitor.client.cookies.set("passerelle", token)
    assert visitor.get("/account").headers["location"] == "/sign-in"


def test_the_documents_are_those_of_this_address(
    visitor: Visitor, instance: MemberInstance, public_url: str
) -> None:
    """https://atproto.com/specs/oauth#client-id-metadata-document"""
    answer = visitor.get(CLIENT_METADATA_PATH)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    document = answer.json()
    assert document["client_id"] == f"{public_url}{CLIENT_METADATA_PATH}"
    assert document["client_name"] == "Passerelle"
    instance.set("name", "Find them")
    try:
        assert visitor.get(CLIENT_METADATA_PATH).json()["client_name"] == "Find them"
    finally:
        instance.set("name", None)
    assert document["logo_uri"] == f"{public_url}/static/icon-512.png"
    assert visitor.get(document["logo_uri"]).headers["content-type"] == "image/png"
    assert document["policy_uri"] == f"{public_url}/privacy"
    assert visitor.get(document["policy_uri"]).status_code == 200
    assert document["tos_uri"] == TERMS
    assert document["redirect_uris"] == [f"{public_url}/oauth/bluesky/callback"]
    assert document["dpop_bound_access_tokens"] is True
    assert {"private_key_jwt", "ES256"} <= set(map(str, document.values()))
    assert document["jwks_uri"] == f"{public_url}{JWKS_PATH}"
    jwks = visitor.get(JWKS_PATH)
    assert (jwks.status_code, jwks.headers["content-type"]) == (200, "application/json")
    keys = jwks.json()["keys"]
    assert len(keys) == 2, "the one that signs, and the next one"
    assert all(key["kty"] == "EC" and key["crv"] == "P-256" and key["use"] == "sig" for key in keys)
    assert not [key for key in keys if PRIVATE_PARTS & set(key)]
    kept = secret_folder(instance.settings) / CLIENT_KEYS_FILE
    assert kept.stat().st_mode & 0o777 == 0o600
    private = [json.loads(each) for each in json.loads(kept.read_bytes())]
    assert not [key for key in private if key["d"] in jwks.text]


@pytest.mark.parametrize("path", [CLIENT_METADATA_PATH, JWKS_PATH])
def test_an_instance_without_a_public_address_publishes_nothing(
    module_dsn: str, data: Path, path: str
) -> None:
    with member_instance(module_dsn, data, jobs=False) as local, Visitor(local) as visitor:
        assert visitor.get(path).status_code == 404
