"""The curve of Ed25519 in plain integers: slow, for making signatures on which implementations disagree.

A point is `scalar` times the base point, plus `torsion` times a point of order 8. Whoever knows both numbers of A and R
needs no curve to tell whether a signature is valid: 8 counts for one part, the group order for the other.
"""

from dataclasses import dataclass
from hashlib import sha512

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
"""The order L of the base point."""
_D = -121665 * pow(121666, -1, P) % P
_ROOT = pow(2, (P - 1) // 4, P)

Affine = tuple[int, int]


def _add(one: Affine, other: Affine) -> Affine:
    (x1, y1), (x2, y2) = one, other
    k = _D * x1 * x2 * y1 * y2 % P
    return (x1 * y2 + x2 * y1) * pow(1 + k, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - k, -1, P) % P


def _multiply(number: int, point: Affine) -> Affine:
    result = (0, 1)
    while number:
        if number & 1:
            result = _add(result, point)
        point, number = _add(point, point), number >> 1
    return result


def find_x(y: int) -> int | None:
    """Returns the even x of a point, or None where none has this y."""
    square = (y * y - 1) * pow(_D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * _ROOT % P
    if (x * x - square) % P:
        return None
    return P - x if x & 1 else x


def _find_order_8() -> Affine:
    for y in range(2, 100):
        x = find_x(y)
        if x is not None:
            torsion = _multiply(ORDER, (x, y))
            if _multiply(4, torsion) != (0, 1):
                return torsion
    raise AssertionError("one point in two has such a part")


_BASE_Y = 4 * pow(5, -1, P) % P
_BASE: Affine = (find_x(_BASE_Y) or 0, _BASE_Y)
_ORDER_8 = _find_order_8()


def encode(y: int, sign: int) -> bytes:
    """Writes y, which need not be below P, and the sign of x."""
    return (y | sign << 255).to_bytes(32, "little")


@dataclass(frozen=True)
class Point:
    """A point by its two discrete logarithms, and one of its encodings."""

    scalar: int
    torsion: int
    encoded: bytes

    @classmethod
    def of(cls, scalar: int, torsion: int) -> "Point":
        """Encodes a point canonically."""
        x, y = _add(_multiply(scalar, _BASE), _multiply(torsion, _ORDER_8))
        return cls(scalar, torsion, encode(y, x & 1))

    @property
    def is_of_small_order(self) -> bool:
        return self.scalar == 0

    @property
    def canonical(self) -> "Point":
        return Point.of(self.scalar, self.torsion)


SMALL = tuple(Point.of(0, torsion) for torsion in range(8))
"""All points of small order."""


def _spelled_otherwise() -> tuple[Point, ...]:
    by_y = {int.from_bytes(point.encoded, "little"): point for point in SMALL}
    names = [(by_y[1], 1, 1), (by_y[1], P + 1, 0), (by_y[1], P + 1, 1), (by_y[P - 1], P - 1, 1)]
    zero, other = by_y[0], by_y[1 << 255]
    names += [(zero, P, 0), (other, P, 1)]
    return tuple(Point(0, point.torsion, encode(y, sign)) for point, y, sign in names)


MISSPELLED = _spelled_otherwise()
"""All encodings of points of small order that are not canonical."""


def challenge(r: bytes, a: bytes, message: bytes) -> int:
    """SHA-512(R || A || message) modulo L."""
    return int.from_bytes(sha512(r + a + message).digest(), "little") % ORDER


@dataclass(frozen=True)
class Forged:
    """A signature made from known logarithms of A and R. The equation with the cofactor always holds."""

    a: Point
    r: Point
    message: bytes
    s: int
    is_exact: bool
    """Whether it holds without the cofactor too: S·B = R + h·A."""

    @property
    def signature(self) -> bytes:
        return self.r.encoded + self.s.to_bytes(32, "little")


def forge(a: Point, r: Point, message: bytes, hashed: tuple[Point, Point] | None = None) -> Forged:
    """Signs. `hashed` are A and R as they are hashed, where a verifier would encode them anew."""
    in_a, in_r = hashed or (a, r)
    h = challenge(in_r.encoded, in_a.encoded, message)
    return Forged(a, r, message, (r.scalar + h * a.scalar) % ORDER, (r.torsion + h * a.torsion) % 8 == 0)


def search(a: Point, r: Point, *, is_exact: bool, hashed: tuple[Point, Point] | None = None) -> Forged:
    """Finds the first message whose signature holds without the cofactor, or does not."""
    tries = (forge(a, r, b"message %d" % number, hashed) for number in range(1_000))
    return next(each for each in tries if each.is_exact is is_exact)
