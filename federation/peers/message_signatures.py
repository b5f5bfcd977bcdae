"""Signs and verifies HTTP messages with Ed25519, by the library for RFC 9421.

Loaded at the first signature (`signing.py`): the library and what it loads take 0.04 s, and up to 9 MB of a process.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureAlgorithm,
    HTTPSignatureKeyResolver,
    InvalidSignature,
)
from http_message_signatures.exceptions import HTTPMessageSignaturesException

from federation.tlog.ed25519 import Seed, is_signed


class NotSigned(Exception):
    """The message is not signed by that key, over those components."""


def sign(  # noqa: PLR0913 - what a signature says, by keyword
    method: str,
    url: str,
    headers: dict[str, str],
    components: Sequence[str],
    *,
    key: Seed,
    key_id: str,
    created: datetime,
    nonce: str,
    label: str,
    tag: str,
) -> dict[str, str]:
    """Signs a message whose headers hold its digest. Returns its headers with those of the signature."""
    message = _Message(method, url, headers)
    HTTPMessageSigner(signature_algorithm=_Ed25519, key_resolver=_Key(key_id, key=key)).sign(
        message,
        key_id=key_id,
        created=created,
        nonce=nonce,
        label=label,
        tag=tag,
        covered_component_ids=components,
        use_existing_digest=True,
    )
    return message.headers


def verify(  # noqa: PLR0913 - a message, and whose signature of what is looked for
    method: str,
    url: str,
    headers: dict[str, str],
    components: Sequence[str],
    *,
    public_key: bytes,
    key_id: str,
) -> None:
    """Verifies the signature of a message, but not its time. Raises NotSigned."""
    verifier = _Verifier(signature_algorithm=_Ed25519, key_resolver=_Key(key_id, public_key))
    try:
        verifier.verify(_Message(method, url, headers), max_age=None, require_components=components)
    except (HTTPMessageSignaturesException, ValueError) as error:
        raise NotSigned(NotSigned.__doc__) from error


class _Message:
    """A message as the library reads it."""

    def __init__(self, method: str, url: str, headers: dict[str, str]) -> None:
        self.method = method
        self.url = url
        self.headers = headers


class _Ed25519(HTTPSignatureAlgorithm):
    """Ed25519 under the one rule of this network (`federation.tlog.ed25519`)."""

    algorithm_id = "ed25519"

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
    """The one key of one message, by the name that it gives."""

    def __init__(self, key_id: str, public_key: bytes | None = None, key: Seed | None = None) -> None:
        self._key_id = key_id
        self._public_key = public_key
        self._key = key

    def resolve_public_key(self, key_id: str) -> bytes | None:
        return self._public_key if key_id == self._key_id else None

    def resolve_private_key(self, key_id: str) -> Seed | None:
        return self._key if key_id == self._key_id else None


class _Verifier(HTTPMessageVerifier):
    """Leaves the time to `signing.read_claim`, which goes by our clock and not by the machine's."""

    def validate_created_and_expires(self, sig_input: object, max_age: timedelta | None = None) -> None:
        pass
