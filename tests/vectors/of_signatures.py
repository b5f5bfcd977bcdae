"""Signatures of Ed25519, most of them such as implementations disagree on.

Made here, by computation with known discrete logarithms. The conditions of the cases `order-0` to `order-11` are the
twelve of Chalkias, Garillot and Nikolaenko, "Taming the many EdDSAs" (2020), table 6c. `rfc-8032-…` are the first two
of RFC 8032, section 7.1. The rest are malformed as those of the Wycheproof project are.
"""

from federation.tlog.ed25519 import Seed
from tests.vectors.curve import MISSPELLED, ORDER, SMALL, Forged, P, Point, encode, find_x, forge, search
from tests.vectors.fixed import Case, bad, base64, good, make_seed

A_SCALAR, R_SCALAR = (int.from_bytes(bytes(make_seed(name)), "little") % ORDER for name in ("log", "next"))
A, R = Point.of(A_SCALAR, 0), Point.of(R_SCALAR, 0)
MIXED_A, MIXED_R = Point.of(A_SCALAR, 1), Point.of(R_SCALAR, 1)
HELLO = b"hello"
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
]


def signatures() -> list[Case]:
    return [*_of_rfc_8032(), *_taming(), *_of_small_keys(), *_malformed(), *_bad_keys()]


def _write(key: bytes, message: bytes, signature: bytes) -> Case:
    return {"publicKey": base64(key), "message": message.hex(), "signature": base64(signature)}


def _of(forged: Forged, s: int | None = None) -> Case:
    signature = forged.signature if s is None else forged.r.encoded + s.to_bytes(32, "little")
    return _write(forged.a.encoded, forged.message, signature)


def _of_rfc_8032() -> list[Case]:
    return [
        good(
            f"rfc-8032-{number}",
            "of RFC 8032",
            **_write(Seed(bytes.fromhex(seed)).public_key, bytes.fromhex(message), bytes.fromhex(signature)),
        )
        for number, (seed, message, signature) in enumerate(RFC_8032, 1)
    ]


def _taming() -> list[Case]:
    true, small = forge(A, R, HELLO), SMALL[1]
    identity, two = MISSPELLED[1], MISSPELLED[3]
    half_r = Point.of(R_SCALAR, two.torsion)
    wrong = {
        0: ("S is 0, A and R are of small order", _of(search(small, SMALL[7], is_exact=True))),
        1: ("A is of small order", _of(search(small, MIXED_R, is_exact=True))),
        2: ("R is of small order", _of(search(MIXED_A, small, is_exact=True))),
        4: ("it holds with the cofactor alone", _of(search(MIXED_A, MIXED_R, is_exact=False))),
        5: ("it holds with the cofactor alone, and R is of order L", _of(search(MIXED_A, R, is_exact=False))),
        6: ("L was added to S", _of(true, true.s + ORDER)),
        7: ("14 times L was added to S", _of(true, true.s + 14 * ORDER)),
        8: ("R is of small order and not canonical", _of(search(MIXED_A, identity, is_exact=True))),
        9: (
            "R is of small order and not canonical, but was hashed canonically",
            _of(search(MIXED_A, identity, is_exact=True, hashed=(MIXED_A, identity.canonical))),
        ),
        10: ("A is of small order and not canonical", _of(search(two, half_r, is_exact=True))),
        11: (
            "A is of small order and not canonical, but was hashed canonically",
            _of(search(two, half_r, is_exact=True, hashed=(two.canonical, half_r))),
        ),
    }
    return [
        good("prime", "A and R are of order L", **_of(true)),
        good(
            "order-3",
            "A and R have parts of small order, which cancel: it holds without the cofactor",
            **_of(search(MIXED_A, MIXED_R, is_exact=True)),
        ),
        *(bad(f"order-{number}", desc, **case) for number, (desc, case) in wrong.items()),
    ]


def _of_small_keys() -> list[Case]:
    zero = next(point for point in SMALL if not any(point.encoded))
    cases = [
        bad(
            "zero-key" if key is zero else f"small-key-{key.torsion}",
            "A is of small order: nobody needs a private key to sign",
            **_of(search(key, R, is_exact=True)),
        )
        for key in SMALL
    ]
    both = _of(search(zero, zero, is_exact=True))
    return [*cases, bad("all-zero", "key and signature are all zeros", **both)]


def _malformed() -> list[Case]:
    true = forge(A, R, HELLO)
    key, signature = A.encoded, true.signature
    r, s = signature[:32], signature[32:]
    other = Point.of(A_SCALAR + 1, 0).encoded
    wrong = [
        ("other-message", "another message", key, b"hullo", signature),
        ("other-key", "another key", other, HELLO, signature),
        ("negative-key", "the sign of A was flipped", _flip_sign(key), HELLO, signature),
        ("negative-r", "the sign of R was flipped", key, HELLO, _flip_sign(r) + s),
        ("negative-s", "S was negated", key, HELLO, r + (ORDER - true.s).to_bytes(32, "little")),
        ("zero-s", "S is 0", key, HELLO, r + bytes(32)),
        ("s-is-order", "S is L", key, HELLO, r + ORDER.to_bytes(32, "little")),
        ("largest-s", "all bits of S are set", key, HELLO, r + b"\xff" * 32),
        ("zero", "the signature is all zeros", key, HELLO, bytes(64)),
        ("ones", "all bits of the signature are set", key, HELLO, b"\xff" * 64),
        ("swapped", "S stands before R", key, HELLO, s + r),
        ("r-beyond", "R is not below p", key, HELLO, encode(P + 3, 0) + s),
        ("r-off-curve", "no point has R's y", key, HELLO, encode(2, 0) + s),
        ("short", "63 bytes", key, HELLO, signature[:-1]),
        ("long", "65 bytes", key, HELLO, signature + b"\x00"),
        ("empty", "no signature", key, HELLO, b""),
    ]
    return [bad(name, desc, **_write(*given)) for name, desc, *given in wrong]


def _flip_sign(point: bytes) -> bytes:
    return point[:31] + bytes([point[31] ^ 0x80])


def _bad_keys() -> list[Case]:
    signature = forge(A, R, HELLO).signature
    assert find_x(2) is None
    assert find_x(3) is not None
    wrong = [
        ("key-off-curve", "no point has this y", encode(2, 0)),
        ("key-beyond", "a point of large order whose y is not below p", encode(P + 3, 0)),
        ("key-short", "a key of 31 bytes", A.encoded[:31]),
        ("key-long", "a key of 33 bytes", A.encoded + b"\x00"),
    ]
    wrong += [(f"key-misspelled-{n}", "A is not canonical", key.encoded) for n, key in enumerate(MISSPELLED)]
    return [bad(name, desc, **_write(key, HELLO, signature)) for name, desc, key in wrong]
