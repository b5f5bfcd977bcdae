"""Ed25519 (RFC 8032) by libsodium, the one implementation that signs and verifies everywhere here.

Implementations disagree on malformed keys and signatures: two verifiers in one network would
give split verdicts.
"""

from typing import Final

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

PUBLIC_KEY_BYTES: Final = 32
SEED_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Tells whether `signature` (64 bytes) is over `message`, by the holder of `public_key` (32 bytes)."""
    if len(signature) != SIGNATURE_BYTES:
        return False
    try:
        VerifyKey(public_key).verify(message, signature)
    except BadSignatureError:
        return False
    return True


class Seed:
    """A private key. Trusted: whoever reads its 32 bytes can sign in its name. Never shown by repr()."""

    __slots__ = ("_key",)

    def __init__(self, seed: bytes) -> None:
        """Raises ValueError if it is not 32 bytes long."""
        if len(seed) != SEED_BYTES:
            raise ValueError("a private key is not 32 bytes long")
        self._key = SigningKey(seed)

    @classmethod
    def generate(cls) -> "Seed":
        return cls(bytes(SigningKey.generate()))

    def __bytes__(self) -> bytes:
        return bytes(self._key)

    @property
    def public_key(self) -> bytes:
        return bytes(self._key.verify_key)

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message).signature
