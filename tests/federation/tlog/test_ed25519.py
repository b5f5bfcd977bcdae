"""One verdict on every signature: the rule of docs/protocol.md, section 3, whatever libsodium is built like."""

import itertools
import json

import pytest

from federation.errors import InvalidKey, InvalidOperations
from federation.keys.operations import Operations
from federation.tlog.ed25519 import WITH_COFACTOR, check_library, is_public_key, is_signed
from federation.tlog.keys import KeyKind, VerifierKey
from federation.tlog.text import encode_base64
from tests.vectors.curve import MISSPELLED, SMALL, Point, forge
from tests.vectors.fixed import LOG
from tests.vectors.make import path_of
from tests.vectors.of_operations import GENESIS
from tests.vectors.of_signatures import A_SCALAR, R_SCALAR

KEYS = [*(Point.of(A_SCALAR, torsion) for torsion in range(8)), *SMALL, *MISSPELLED]
STARTS = [*(Point.of(R_SCALAR, torsion) for torsion in range(8)), *SMALL, *MISSPELLED]


def test_every_combination_of_odd_points_has_the_verdict_of_the_rule() -> None:
    """Who chooses A and R with parts of small order gets one instance to believe a note that another refuses."""
    verdicts: list[bool] = []
    for a, r, number in itertools.product(KEYS, STARTS, range(4)):
        forged = forge(a, r, b"message %d" % number)
        expected = forged.is_exact and not a.is_of_small_order and not r.is_of_small_order
        believed = is_public_key(a.encoded) and is_signed(a.encoded, forged.message, forged.signature)
        assert believed is expected, (a, r, number)
        assert is_signed(a.encoded, forged.message, forged.signature) is expected
        verdicts.append(believed)
    assert 20 < sum(verdicts) < 8 * 8 * 4


def test_a_key_of_small_order_cannot_be_named() -> None:
    """A log names the neutral point as its key: everybody can sign as that log, and it can deny all."""
    for point in (*SMALL, *MISSPELLED):
        assert not is_public_key(point.encoded)
        with pytest.raises(InvalidKey):
            VerifierKey("example.org/log", KeyKind.NOTE, point.encoded)


def test_a_peer_key_of_small_order_cannot_be_named() -> None:
    """Requests in the name of a peer whose key is all zeros can be signed by anybody."""
    named = json.loads(GENESIS.text)["peer"]
    for point in (*SMALL, *MISSPELLED):
        with pytest.raises(InvalidOperations, match="peer key"):
            Operations.parse(GENESIS.text.replace(named, encode_base64(point.encoded)))


def holds_with_cofactor(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Verifies the case of the guard alone, by the logarithms that it was made with."""
    forged = forge(KEYS[1], STARTS[1], message)
    return (public_key, signature) == (forged.a.encoded, forged.signature)


def test_a_library_that_counts_the_cofactor_is_found() -> None:
    """A later libsodium may verify otherwise. Its verdicts must not differ from those of other instances unseen."""
    check_library()
    with pytest.raises(ImportError):
        check_library(holds_with_cofactor)
    [case] = [
        each for each in json.loads(path_of("signatures").read_text())["cases"] if each["name"] == "order-4"
    ]
    key, message, signature = WITH_COFACTOR
    assert (case["publicKey"], case["signature"]) == (encode_base64(key), encode_base64(signature))
    assert case["message"] == message.hex()


def test_true_keys_are_keys() -> None:
    assert is_public_key(LOG.vkey.public_key)
    assert not is_public_key(LOG.vkey.public_key[:31])
