"""Makes proofs that the sender of a request holds a key: DPoP, RFC 9449.

The library joserfc is loaded with the first key: that takes 0.06 s and, with cryptography, 5 MB of a process. An instance with a
public address has keys from its start; any other has none before somebody signs in.
"""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

import msgspec

if TYPE_CHECKING:
    from joserfc.jwk import ECKey

from directory.networks.bluesky.servers import ALGORITHM
from directory.networks.oauth import base64url
from directory.networks.sign_in_errors import NeedsSignIn

CURVE: Final = "P-256"
JTI_BYTES: Final = 16


class SigningKey:
    """A private key for ES256. Secret: whoever has it and the tokens can use the tokens."""

    def __init__(self, key: "ECKey") -> None:
        self._key = key

    @classmethod
    def generate(cls) -> Self:
        from joserfc.jwk import ECKey  # noqa: PLC0415 - see above

        return cls(ECKey.generate_key(CURVE, private=True))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what `to_json` wrote. Raises NeedsSignIn: without its key a session is over."""
        from joserfc.errors import JoseError  # noqa: PLC0415 - see above
        from joserfc.jwk import ECKey  # noqa: PLC0415 - see above

        try:
            key = ECKey.import_key(msgspec.json.decode(text, type=dict[str, str | list[str]]))
        except (JoseError, msgspec.MsgspecError, ValueError):
            raise NeedsSignIn("", "the session's key cannot be read") from None
        if not key.is_private or key.curve_name != CURVE:
            raise NeedsSignIn("", "the session's key is of another kind")
        return cls(key)

    def to_json(self) -> str:
        """Writes the private key as a JWK."""
        return msgspec.json.encode(self._key.as_dict(private=True)).decode()

    @property
    def thumbprint(self) -> str:
        """The name of the key, by RFC 7638."""
        return self._key.thumbprint()

    def public_jwk(self) -> dict[str, str]:
        """Returns the public half as a JWK."""
        jwk = self._key.as_dict(private=False)
        return {name: str(jwk[name]) for name in ("kty", "crv", "x", "y")}

    def sign(self, header: Mapping[str, object], claims: Mapping[str, object]) -> str:
        """Signs a JWT, in its compact form."""
        from joserfc import jwt  # noqa: PLC0415 - see above

        return jwt.encode({"alg": ALGORITHM, **header}, dict(claims), self._key, algorithms=[ALGORITHM])


def dpop_proof(  # noqa: PLR0913 - the claims of a proof
    key: SigningKey, method: str, url: str, now: datetime, *, nonce: str | None, access: str | None = None
) -> str:
    """Makes the value of the header `DPoP` for one request (RFC 9449, 4.2)."""
    claims: dict[str, object] = {
        "jti": secrets.token_urlsafe(JTI_BYTES),
        "htm": method,
        "htu": urlsplit(url)._replace(query="", fragment="").geturl(),
        "iat": int(now.timestamp()),
    }
    if nonce is not None:
        claims["nonce"] = nonce
    if access is not None:
        claims["ath"] = base64url(hashlib.sha256(access.encode()).digest())
    return key.sign({"typ": "dpop+jwt", "jwk": key.public_jwk()}, claims)
