"""Ed25519 (RFC 8032) by libsodium, under a rule that leaves nothing open.

Implementations disagree on malformed keys and signatures: two verifiers in one network would
give split verdicts. Here a signature R || S over a message, by A, is valid exactly when

1. A and R are canonical encodings (y < p) of points that are not of small order;
2. S < L, the order of the base point;
3. S·B = R + h·A, with h = SHA-512(R || A || message) mod L, and without the cofactor 8.

The first two are checked before libsodium is asked, which checks them too: a library built otherwise
changes nothing. A library that verifies with the cofactor is refused when this module is imported.
"""

from collections.abc import Callable
from typing import Final

from nacl.bindings import crypto_core_ed25519_add
from nacl.exceptions import BadSignatureError
from nacl.exceptions import RuntimeError as LibraryError
from nacl.signing import SigningKey, VerifyKey

PUBLIC_KEY_BYTES: Final = 32
SEED_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

_P: Final = 2**255 - 19
_L: Final = 2**252 + 27742317777372353535851937790883648493
_Y_BITS: Final = 2**255 - 1
_Y_OF_ORDER_8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER_Y: Final = frozenset({0, 1, _P - 1, _Y_OF_ORDER_8, _P - _Y_OF_ORDER_8})
"""The y of all eight points whose order divides 8; with either sign of x."""
_BASE_POINT: Final = bytes([0x58]) + bytes([0x66]) * 31


def is_public_key(data: bytes) -> bool:
    """Tells whether `data` is a public key: a canonical encoding of a point that is not of small order.

    Under a key of small order a signature is valid for many messages, whoever made it. All zeros is one.
    """
    return len(data) == PUBLIC_KEY_BYTES and _is_sound(data) and _is_on_curve(data)


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Tells whether `signature` is over `message`, by the holder of `public_key` (32 bytes)."""
    if len(signature) != SIGNATURE_BYTES or not _is_sound(public_key) or not _is_sound(signature[:32]):
        return False
    if int.from_bytes(signature[32:], "little") >= _L:
        return False
    try:
        VerifyKey(public_key).verify(message, signature)
    except BadSignatureError:
        return False
    return True


def _is_sound(point: bytes) -> bool:
    y = int.from_bytes(point, "little") & _Y_BITS
    return y < _P and y not in _SMALL_ORDER_Y


def _is_on_curve(point: bytes) -> bool:
    # libsodium has a check of its own, which also refuses points with a part of small order: our rule does not.
    try:
        crypto_core_ed25519_add(point, _BASE_POINT)
    except LibraryError:
        return False
    return True


WITH_COFACTOR: Final = (
    bytes.fromhex("3084de0b56f12da5b7187241be62cc056c39f6d570c312942db021a58b2cb366"),
    b"message 0",
    bytes.fromhex(
        "04d776a3bd0ab15b7108590a9e071c1420d0b569c43dffe7ef909ea7318a25c8"
        "a83fcccd4f1e56d4abbc2520dec2704a7b64d88a55dafa97033f86f5645a5b05"
    ),
)
"""Key, message and signature that are valid with the cofactor alone: the case `order-4` of the vectors."""


def check_library(verify: Callable[[bytes, bytes, bytes], bool] = is_signed) -> None:
    """Raises ImportError where this libsodium verifies with the cofactor."""
    if verify(*WITH_COFACTOR):
        raise ImportError("this libsodium verifies Ed25519 with the cofactor: instances would not agree")


check_library()


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
