"""Requests to an instance as a peer, or an impostor, writes them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import httpx

from federation.peers.signing import Request, make_nonce, sign_request
from federation.protocol.peering_wire import PEERING_PATH, PeeringRequest, Wish, encode_peering
from federation.tlog.ed25519 import Seed
from tests.harness.peers import PeerInstance

BODIES = "/federation/v1/statements/000"
ROUTES = (
    ("GET", BODIES),
    ("GET", "/federation/v1/own/checkpoint"),
    ("GET", "/federation/v1/own/entries/000"),
    ("GET", "/federation/v1/own/statements/000"),
    ("GET", "/federation/v1/own/documents/0"),
    ("POST", PEERING_PATH),
)


@dataclass(frozen=True)
class Asker:
    """Who asks `to`, with this key and under this origin."""

    to: PeerInstance
    origin: str
    key: Seed

    @staticmethod
    def of(peer: PeerInstance, to: PeerInstance) -> "Asker":
        return Asker(to, peer.origin, peer.keys.read_peer())

    def request(
        self,
        path: str = BODIES,
        method: str = "GET",
        content: bytes = b"",
        *,
        age_s: int = 0,
        authority: str | None = None,
        nonce: str | None = None,
    ) -> Request:
        """Signs a request."""
        running = self.to.running
        plain = Request(method, authority or running.settings.domain, path, (), content)
        created = int(running.clock.now().timestamp()) - age_s
        signed = sign_request(plain, self.origin, self.key, created, nonce or make_nonce())
        return replace(plain, headers=tuple(signed.items()))

    def ask(self, path: str = BODIES, method: str = "GET", content: bytes = b"") -> httpx.Response:
        return send(self.to, self.request(path, method, content))

    def wish(self, wish: Wish = Wish.FOLLOW, address: str | None = None) -> httpx.Response:
        said = PeeringRequest(1, self.origin, wish, address)
        return self.ask(PEERING_PATH, "POST", encode_peering(said))


def send(
    to: PeerInstance, request: Request, *, more: Sequence[tuple[str, str]] = (), query: str = ""
) -> httpx.Response:
    """Sends a request as it is."""
    headers = [*request.headers, *more]
    if request.content:
        headers.append(("content-type", "application/json"))
    with httpx.Client(base_url=to.running.url, timeout=20, trust_env=False) as client:
        return client.request(
            request.method, request.path + query, headers=headers, content=request.content or None
        )


def unsigned(method: str, path: str) -> Request:
    return Request(method, "", path, (), b"{}" if method == "POST" else b"")
