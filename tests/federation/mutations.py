"""Damages the written form of a value in many ways, one by one, the same each time."""

import random
import re
from collections.abc import Iterator
from typing import Final

MAX_SAMPLED: Final = 40
"""Places of one seed at which each damage is tried; in a short one, all."""
LIMIT_BYTES: Final = 64 * 1024
HUGE_BYTES: Final = 4 * LIMIT_BYTES

INSERTED: Final = [
    b"\x00", b"\r", b"\n", b"\n\n", b"\t", b"\x0b", b"\x0c", b"\x1c", b"\x1f", b"\x7f", b" ", b"+", b"-", b"_", b"=",
    b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9", b"\xc2\xa0", b"\xe2\x80\x8b", b"\xef\xbb\xbf", b"\xe2\x80\x94 ",
    b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\\u0000", b"\\", b'"', b"null", b"{}", b"[]", b",",
]  # fmt: skip
"""Controls, spaces and line ends of Unicode, a byte order mark, bytes that are not UTF-8, and pieces of JSON."""
NUMBERS: Final = [
    b"", b"-1", b"+1", b"-0", b"00", b"01", b"1_0", b" 1", b"1 ", b"1.0", b"1e3", b"0x1", b"1e999999999", b"NaN",
    b"\xd9\xa1", b"\xef\xbc\x91", b"\xe0\xa5\xa7", b"\xc2\xb2", str(2**53).encode(), str(2**63 - 1).encode(),
    str(2**63).encode(), str(2**64).encode(), str(10**40).encode(), b"9" * 5_000, b"1" * LIMIT_BYTES, b"-" + b"9" * 50,
]  # fmt: skip
"""Texts in the place of a number: with signs and separators, in other scripts, and too large for any type."""

_DIGITS: Final = re.compile(rb"[0-9]+")


def mutations(seed: bytes) -> Iterator[bytes]:
    """Yields every kind of damage, at places spread over the seed."""
    yield from _small(seed)
    yield from _repeated(seed)
    yield from _large(seed)
    yield from _nested(seed)


def _small(seed: bytes) -> Iterator[bytes]:
    draw = random.Random(seed)  # noqa: S311 - the same each time
    bits = range(len(seed) * 8)
    for bit in bits if len(bits) <= MAX_SAMPLED * 4 else draw.sample(bits, MAX_SAMPLED * 4):
        changed = bytearray(seed)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)
    places = range(len(seed) + 1)
    for at in places if len(places) <= MAX_SAMPLED else sorted(draw.sample(places, MAX_SAMPLED)):
        yield seed[:at]
        yield seed[at:]
        yield seed[:at] + seed[at + 1 :]
        yield seed[:at] + draw.choice(INSERTED) + seed[at:]
    for piece in INSERTED:
        at = draw.randrange(len(seed) + 1)
        yield from (piece + seed, seed + piece, seed[:at] + piece + seed[at:], piece)
    yield seed.replace(b"\n", b"\r\n")
    yield seed.replace(b"\n", b"\r")
    yield seed.replace(b"\n", b"\xe2\x80\xa8")
    yield seed.decode("utf-8", "replace").encode("utf-16")
    yield seed.upper()
    yield seed.lower()
    for match in list(_DIGITS.finditer(seed))[:8]:
        for number in NUMBERS:
            yield seed[: match.start()] + number + seed[match.end() :]


def _repeated(seed: bytes) -> Iterator[bytes]:
    for count in (2, 3, 101, 5_000):
        yield seed * count if len(seed) * count <= HUGE_BYTES else (seed * count)[:HUGE_BYTES]
    lines = seed.split(b"\n")
    for at in {0, 1, len(lines) // 2, len(lines) - 2, len(lines) - 1}:
        for count in (2, 18, 101, 3_000):
            line = lines[at % len(lines)] + b"\n"
            repeated = line * min(count, HUGE_BYTES // len(line))
            yield b"\n".join(lines[:at]) + b"\n" + repeated + b"\n".join(lines[at + 1 :])
    yield b"\n".join(reversed(lines))


def _large(seed: bytes) -> Iterator[bytes]:
    for size in (LIMIT_BYTES - 1, LIMIT_BYTES, LIMIT_BYTES + 1, HUGE_BYTES):
        missing = max(0, size - len(seed))
        middle = len(seed) // 2
        for filling in (b"A", b"\n", b"=", b"\x00", b" ", b"0", b"+", "—".encode(), b"\xff", b"x001/"):
            pad = (filling * (missing // len(filling) + 1))[:missing]
            yield from (seed + pad, pad + seed, seed[:middle] + pad + seed[middle:], pad)
    yield random.Random(0).randbytes(LIMIT_BYTES)  # noqa: S311 - it protects nothing
    yield random.Random(1).randbytes(HUGE_BYTES)  # noqa: S311 - it protects nothing


def _nested(seed: bytes) -> Iterator[bytes]:
    """Yields nesting as deep as the limit allows, which overflows the stack of a recursive parser."""
    for depth in (100, 1_900, 100_000):
        for opened, closed in ((b"[", b"]"), (b'{"a":', b"}"), (b'{"policy":', b"}"), (b'{"to":', b"}")):
            yield opened * depth
            yield opened * depth + b"1" + closed * depth
            at = seed.find(b":") + 1
            yield seed[:at] + opened * depth + b"1" + closed * depth + seed[at:]
            yield b'{"evidence":' + opened * depth + closed * depth + b"}\n"
