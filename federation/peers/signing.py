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
from datetime import UTC, datetime
from typing import Final

from directory.origin_names import is_origin
from federation.errors import UntrustedRequest
from federation.tlog.ed25519 import Seed
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
    from federation.peers import message_signatures  # noqa: PLC0415 - its library is 3 MB or more: who has no peers needs none

    digest = {DIGEST: digest_field(request.content)}
    headers = message_signatures.sign(
        request.method,
        _url_of(request),
        digest,
        COMPONENTS,
        key=key,
        key_id=origin,
        created=datetime.fromtimestamp(created, UTC),
        nonce=nonce,
        label=LABEL,
        tag=TAG,
    )
    return {name.lower(): value for name, value in headers.items()}


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
    from federation.peers import message_signatures  # noqa: PLC0415 - as above

    try:
        message_signatures.verify(
            request.method,
            _url_of(request),
            dict(request.headers),
            COMPONENTS,
            public_key=public_key,
            key_id=claim.origin,
        )
    except message_signatures.NotSigned as error:
        raise UntrustedRequest(f"the request is not signed by the peer key of {claim.origin}") from error


def _url_of(request: Request) -> str:
    return f"https://{request.authority}{request.path}"


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
