"""Signs requests to peers, and verifies those of peers: RFC 9421 with Ed25519, RFC 9530 for the content.

One signature, over these components in this order and no others. `verify_request` proves that the holder of a key made
this request for us, lately; that it was not answered before is for the store of nonces.
"""

import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureAlgorithm,
    HTTPSignatureKeyResolver,
    InvalidSignature,
)
from http_message_signatures.exceptions import HTTPMessageSignaturesException

from directory.origin_names import is_origin
from federation.errors import UntrustedRequest
from federation.tlog.ed25519 import Seed, is_signed
from federation.tlog.text import encode_base64

LABEL: Final = "passerelle"
TAG: Final = "passerelle/v1"
ALGORITHM: Final = "ed25519"
COMPONENTS: Final = ("@method", "@authority", "@path", "content-digest")
MAX_SKEW_S: Final = 300
"""How far the time of a request may be from our clock, either way."""
NONCE_BYTES: Final = 16
MAX_FIELD_CHARS: Final = 1_024
"""Of each of the three header fields."""
DIGEST: Final = "content-digest"
INPUT: Final = "signature-input"
SIGNATURE: Final = "signature"

_COVERED = " ".join(f'"{name}"' for name in COMPONENTS)
_INPUT = re.compile(rf'{LABEL}=\({_COVERED}\)((?:;[a-z]+=(?:"[^"\\]*"|[0-9]+))+)', re.ASCII)
_PARAMETER = re.compile(r';([a-z]+)=(?:"([^"\\]*)"|([0-9]+))', re.ASCII)
_NAMES: Final = ["alg", "created", "keyid", "nonce", "tag"]
_NONCE = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]", re.ASCII)
_SIGNATURE = re.compile(rf"{LABEL}=:[A-Za-z0-9+/]{{86}}==:", re.ASCII)
_CREATED = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it was received, or is to be sent.

    `authority` is the host that it was made for, and never what a header says; `path` is as it stands in the request
    line, without a query. The names of `headers` are in lower case.
    """

    method: str
    authority: str
    path: str
    headers: Sequence[tuple[str, str]]
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who says to have signed a request, and when. Verified by nobody yet."""

    origin: str
    created: int
    nonce: str

    @property
    def digest(self) -> bytes:
        """The SHA-256 by which the request is known, so that it is answered once."""
        return hashlib.sha256(f"{self.origin}\0{self.nonce}".encode()).digest()


def digest_field(content: bytes) -> str:
    """Returns the value of `Content-Digest` (RFC 9530)."""
    return f"sha-256=:{encode_base64(hashlib.sha256(content).digest())}:"


def make_nonce() -> str:
    return urlsafe_b64encode(secrets.token_bytes(NONCE_BYTES)).decode().rstrip("=")


def sign_request(request: Request, origin: str, key: Seed, created: int, nonce: str) -> dict[str, str]:
    """Signs a request as the instance whose log is `origin`. Returns the three header fields to send with it."""
    message = _Message(request, {DIGEST: digest_field(request.content)})
    HTTPMessageSigner(signature_algorithm=_Ed25519, key_resolver=_Key(origin, key=key)).sign(
        message,
        key_id=origin,
        created=datetime.fromtimestamp(created, UTC),
        nonce=nonce,
        label=LABEL,
        tag=TAG,
        covered_component_ids=COMPONENTS,
        use_existing_digest=True,
    )
    return {name.lower(): value for name, value in message.headers.items()}


def read_claim(request: Request, now: int) -> Claim:
    """Reads who says to have signed a request, and refuses what no signature could make good: another form, other
    content, another time. Raises UntrustedRequest."""
    fields = {name: _field(request, name) for name in (DIGEST, INPUT, SIGNATURE)}
    if fields[DIGEST] != digest_field(request.content):
        raise UntrustedRequest("the content of the request is not the one that its digest tells")
    if not _SIGNATURE.fullmatch(fields[SIGNATURE]):
        raise UntrustedRequest(f"the request has not one signature of 64 bytes, labelled {LABEL}")
    claim = _parse_input(fields[INPUT])
    if abs(claim.created - now) > MAX_SKEW_S:
        raise UntrustedRequest(
            f"the request was signed at {claim.created}, more than {MAX_SKEW_S} s from our time, {now}"
        )
    return claim


def verify_request(request: Request, claim: Claim, public_key: bytes) -> None:
    """Verifies that the holder of a key has signed the request, whose claim `read_claim` has returned. Raises
    UntrustedRequest."""
    verifier = _Verifier(signature_algorithm=_Ed25519, key_resolver=_Key(claim.origin, public_key))
    try:
        verifier.verify(_Message(request, dict(request.headers)), max_age=None, require_components=COMPONENTS)
    except (HTTPMessageSignaturesException, ValueError) as error:
        raise UntrustedRequest(f"the request is not signed by the peer key of {claim.origin}") from error


def _field(request: Request, name: str) -> str:
    values = [value for known, value in request.headers if known == name]
    if len(values) != 1 or len(values[0]) > MAX_FIELD_CHARS:
        raise UntrustedRequest(f"the request is not signed: it needs the field {name}, once")
    return values[0]


def _parse_input(text: str) -> Claim:
    found = _INPUT.fullmatch(text)
    parameters = _PARAMETER.findall(found[1]) if found else []
    values = {name: quoted or number for name, quoted, number in parameters}
    are_typed = all(bool(number) == (name == "created") for name, _, number in parameters)
    if sorted(name for name, _, _ in parameters) != _NAMES or not are_typed:
        raise UntrustedRequest(
            f"the request has not one signature labelled {LABEL}, over {', '.join(COMPONENTS)} in this order, with"
            f" {', '.join(_NAMES)}"
        )
    if values["alg"] != ALGORITHM or values["tag"] != TAG:
        raise UntrustedRequest(f"the request is not signed with {ALGORITHM} for {TAG}")
    if not _CREATED.fullmatch(values["created"]) or not _NONCE.fullmatch(values["nonce"]):
        raise UntrustedRequest("the time or the nonce of the signature is not one")
    if not is_origin(values["keyid"]):
        raise UntrustedRequest("the signature does not name the origin of a log")
    return Claim(values["keyid"], int(values["created"]), values["nonce"])


class _Message:
    """A request as the library reads it."""

    def __init__(self, request: Request, headers: dict[str, str]) -> None:
        self.method = request.method
        self.url = f"https://{request.authority}{request.path}"
        self.headers = headers


class _Ed25519(HTTPSignatureAlgorithm):
    """Ed25519 under the one rule of this network (`federation.tlog.ed25519`)."""

    algorithm_id = ALGORITHM

    def __init__(self, public_key: bytes | None = None, private_key: Seed | None = None) -> None:
        self._public_key = public_key
        self._private_key = private_key

    def sign(self, message: bytes) -> bytes:
        if self._private_key is None:
            raise ValueError("there is no key to sign with")
        return self._private_key.sign(message)

    def verify(self, signature: bytes, message: bytes) -> None:
        if self._public_key is None or not is_signed(self._public_key, message, signature):
            raise InvalidSignature("the signature is wrong")


class _Key(HTTPSignatureKeyResolver):
    """The one key of one request, by the origin that it names."""

    def __init__(self, origin: str, public_key: bytes | None = None, key: Seed | None = None) -> None:
        self._origin = origin
        self._public_key = public_key
        self._key = key

    def resolve_public_key(self, key_id: str) -> bytes | None:
        return self._public_key if key_id == self._origin else None

    def resolve_private_key(self, key_id: str) -> Seed | None:
        return self._key if key_id == self._origin else None


class _Verifier(HTTPMessageVerifier):
    """Leaves the time to `read_claim`, which goes by our clock and not by the machine's."""

    def validate_created_and_expires(self, sig_input: object, max_age: timedelta | None = None) -> None:
        pass
