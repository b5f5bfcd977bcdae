"""Identifies us to an authorization server: https://atproto.com/specs/oauth#clients.

A client's id is the address of a public document about it. An instance that the network can reach
publishes one, and signs with a key of its own (confidential client). On one machine, for trying
things out, the id itself holds the document (public client): sessions then end after two weeks.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final, Protocol, Self
from urllib.parse import urlencode

import msgspec

from directory.networks.bluesky.dpop import SigningKey
from directory.networks.bluesky.servers import ALGORITHM
from directory.networks.port import Purpose
from directory.networks.sign_in_errors import NeedsSignIn

LOGO_PATH: Final = "/static/icon-512.png"
PRIVACY_PATH: Final = "/privacy"
CLIENT_METADATA_PATH: Final = "/oauth/bluesky/client-metadata.json"
JWKS_PATH: Final = "/oauth/bluesky/jwks.json"
CALLBACK_PATH: Final = "/oauth/bluesky/callback"
"""Where a browser comes back to; the document names it."""
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFETIME_S: Final = 60
MAX_CLIENT_KEYS: Final = 10

SCOPE_PROVE: Final = "atproto"
SCOPE_FOLLOW: Final = "atproto repo:app.bsky.graph.follow?action=create&action=delete"
SCOPE_ARRANGE: Final = " ".join(
    [
        SCOPE_FOLLOW,
        "repo:app.bsky.graph.block?action=create&action=delete",
        "repo:app.bsky.graph.list?action=create&action=delete",
        "repo:app.bsky.graph.listitem?action=create&action=delete",
        "rpc:app.bsky.graph.getMutes?aud=*",
        "rpc:app.bsky.graph.muteActor?aud=*",
        "rpc:app.bsky.graph.unmuteActor?aud=*",
    ]
)
# For servers that do not know the narrower ones.
BROAD: Final = "transition:generic"
SCOPE_FOLLOW_BROAD: Final = f"atproto {BROAD}"
_ALL_SCOPES: Final = tuple(dict.fromkeys(f"{SCOPE_ARRANGE} {SCOPE_FOLLOW_BROAD}".split()))

# The scopes to request, in the order to try them.
SCOPES: Final[Mapping[Purpose, tuple[str, ...]]] = {
    Purpose.PROVE: (SCOPE_PROVE,),
    Purpose.FOLLOW: (SCOPE_FOLLOW, SCOPE_FOLLOW_BROAD),
    Purpose.ARRANGE: (SCOPE_ARRANGE, SCOPE_FOLLOW_BROAD),
}


def may_follow(granted: str) -> bool:
    """Tells whether a granted scope suffices to follow."""
    return may_create(granted, "app.bsky.graph.follow")


def may_arrange(granted: str) -> bool:
    """Tells whether a granted scope suffices to follow, to block and to mute."""
    may_block = may_create(granted, "app.bsky.graph.block")
    return may_follow(granted) and may_block and may_call(granted, "app.bsky.graph.muteActor")


def may_create(granted: str, collection: str) -> bool:
    """Tells whether a granted scope suffices to create records of a collection."""
    for scope in granted.split():
        name, _, query = scope.partition("?")
        if scope == BROAD or (
            name in {f"repo:{collection}", "repo:*"}
            and ("action" not in query or "action=create" in query.split("&"))
        ):
            return True
    return False


def may_call(granted: str, method: str) -> bool:
    """Tells whether a granted scope suffices to call a method of the service behind the server."""
    return any(
        scope == BROAD or scope.partition("?")[0] in {f"rpc:{method}", "rpc:*"} for scope in granted.split()
    )


class OAuthClient(Protocol):
    """Names us to a server and proves it."""

    @property
    def key_id(self) -> str | None:
        """The key that a new session is tied to; None for a public client."""
        ...

    def client_id(self, redirect_uri: str) -> str:
        """Returns our id in sign-ins that come back to this address."""
        ...

    def credentials(self, client_id: str, issuer: str, key_id: str | None, now: datetime) -> dict[str, str]:
        """Makes the form fields that go with every request. Raises NeedsSignIn where the key is gone."""
        ...


class LoopbackClient:
    """A public client on this machine. The redirect address must be on http://127.0.0.1 or [::1]."""

    key_id: str | None = None

    def client_id(self, redirect_uri: str) -> str:
        return f"http://localhost?{urlencode({'redirect_uri': redirect_uri, 'scope': ' '.join(_ALL_SCOPES)})}"

    def credentials(self, client_id: str, issuer: str, key_id: str | None, now: datetime) -> dict[str, str]:
        _ = issuer, now
        if key_id is not None:
            raise NeedsSignIn("", "the session is tied to a key that is gone")
        return {"client_id": client_id}


class ClientKeys:
    """Our private keys: the one that signs new sessions, the next one, then older ones. Secret.

    Servers keep what we publish for a while, so the next key is published before it signs. A
    session stays with the key it was started with, so older keys stay published until no session
    needs them; a key that leaked is removed at once, which ends its sessions.
    """

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        if not 2 <= len(keys) <= MAX_CLIENT_KEYS:
            raise ValueError(f"there must be 2 to {MAX_CLIENT_KEYS} keys")
        self._keys = {key.thumbprint: key for key in keys}

    @classmethod
    def generate(cls) -> Self:
        return cls([SigningKey.generate(), SigningKey.generate()])

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Reads what `to_json` wrote. Raises ValueError."""
        try:
            return cls([SigningKey.from_json(key) for key in msgspec.json.decode(text, type=list[str])])
        except (msgspec.MsgspecError, NeedsSignIn) as error:
            raise ValueError("the client keys cannot be read") from error

    def to_json(self) -> bytes:
        return msgspec.json.encode([key.to_json() for key in self._keys.values()])

    def rotated(self) -> "ClientKeys":
        """Returns the keys after a rotation: the next key signs, and a new one is next. Beyond MAX_CLIENT_KEYS the
        oldest is dropped."""
        signing, following, *older = self._keys.values()
        return ClientKeys([following, SigningKey.generate(), signing, *older][:MAX_CLIENT_KEYS])

    def without(self, key_id: str) -> "ClientKeys":
        """Returns the keys without one that leaked; a new one replaces it where fewer than two are left."""
        kept = [key for name, key in self._keys.items() if name != key_id]
        return ClientKeys([*kept, SigningKey.generate()] if len(kept) < 2 else kept)

    @property
    def signing_id(self) -> str:
        """The key that signs new sessions."""
        return next(iter(self._keys))

    @property
    def fingerprint(self) -> bytes:
        """Tells these keys from others, in whatever order they serve."""
        return sha256("\n".join(sorted(self._keys)).encode()).digest()

    def get(self, key_id: str) -> SigningKey | None:
        return self._keys.get(key_id)

    def jwks(self) -> dict[str, object]:
        """Makes the document at JWKS_PATH (RFC 7517): public halves only."""
        extra = {"use": "sig", "alg": ALGORITHM}
        return {"keys": [{**key.public_jwk(), **extra, "kid": kid} for kid, key in self._keys.items()]}


class PublishedClient:
    """A confidential client: its document and its public keys are at our public https address."""

    def __init__(
        self,
        base_url: str,
        name: Callable[[], str],
        keys: ClientKeys,
        redirect_uris: Sequence[str],
        *,
        terms_uri: str | None = None,
    ) -> None:
        """`base_url` begins with https:// and has no path; the redirect addresses are below it. `name` tells what
        the instance is called when its document is asked for. `terms_uri` is None where there are no terms."""
        self._base_url = base_url
        self._name = name
        self._keys = keys
        self._redirect_uris = tuple(redirect_uris)
        self._terms: dict[str, object] = {} if terms_uri is None else {"tos_uri": terms_uri}

    @property
    def key_id(self) -> str | None:
        return self._keys.signing_id

    def client_id(self, redirect_uri: str) -> str:
        _ = redirect_uri
        return f"{self._base_url}{CLIENT_METADATA_PATH}"

    def credentials(self, client_id: str, issuer: str, key_id: str | None, now: datetime) -> dict[str, str]:
        """Makes a signed assertion (RFC 7523), for one request."""
        key = self._keys.get(key_id) if key_id is not None else None
        if key is None:
            raise NeedsSignIn("", "the session is tied to a key that is gone")
        issued = int(now.timestamp())
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": issuer,
            "jti": secrets.token_urlsafe(16),
            "iat": issued,
            "exp": issued + ASSERTION_LIFETIME_S,
        }
        return {
            "client_id": client_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": key.sign({"kid": key_id}, claims),
        }

    def metadata(self) -> dict[str, object]:
        """Makes the document at CLIENT_METADATA_PATH: served as application/json, status 200, no redirect."""
        return {
            "client_id": self.client_id(""),
            "client_name": self._name(),
            "client_uri": self._base_url,
            "logo_uri": f"{self._base_url}{LOGO_PATH}",
            "policy_uri": f"{self._base_url}{PRIVACY_PATH}",
            **self._terms,
            "application_type": "web",
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "scope": " ".join(_ALL_SCOPES),
            "redirect_uris": list(self._redirect_uris),
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_signing_alg": ALGORITHM,
            "dpop_bound_access_tokens": True,
            "jwks_uri": f"{self._base_url}{JWKS_PATH}",
        }

    def jwks(self) -> dict[str, object]:
        """Makes the document at JWKS_PATH."""
        return self._keys.jwks()
