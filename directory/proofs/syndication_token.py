"""Computes the token that X's syndication asks for beside the id of a post.

It is no secret: `((id / 1e15) * π)` in base 36, without its zeros and its point. It has to be written as JavaScript
writes it, digit for digit (ECMA-262, Number::toString): the shortest fraction that still names this double and no
other.
"""

import math
from typing import Final

from directory.proofs.post_url import XPostId

_RADIX: Final = 36
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_SCALE: Final = 1e15


def syndication_token(post: XPostId) -> str:
    """Returns the token for a post, as a browser computes it."""
    number = float(post.value) / _SCALE * math.pi
    return to_base_36(number).replace("0", "").replace(".", "")


def to_base_36(number: float) -> str:
    """Writes a number as `number.toString(36)` of JavaScript engines does, for 0 <= number < 2^53."""
    whole = math.floor(number)
    digits = _fraction_digits(number - whole, _half_gap(number))
    if digits and digits[0] == _RADIX:
        return _whole(whole + 1)
    return _whole(whole) + ("." + "".join(_DIGITS[digit] for digit in digits) if digits else "")


def _half_gap(number: float) -> float:
    """Returns half of the distance to the next double: any fraction nearer than this names the number."""
    return max(0.5 * (math.nextafter(number, math.inf) - number), math.nextafter(0.0, 1.0))


def _fraction_digits(fraction: float, gap: float) -> list[int]:
    """Returns the digits after the point; `[36]` where rounding carries into the whole part."""
    digits: list[int] = []
    if fraction < gap:
        return digits
    while True:
        fraction *= _RADIX
        gap *= _RADIX
        digit = int(fraction)
        digits.append(digit)
        fraction -= digit
        is_upper_half = fraction > 0.5 or (fraction == 0.5 and digit % 2 == 1)
        if is_upper_half and fraction + gap > 1:
            return _carried(digits)
        if fraction < gap:
            return digits


def _carried(digits: list[int]) -> list[int]:
    while digits:
        if digits[-1] + 1 < _RADIX:
            digits[-1] += 1
            return digits
        digits.pop()
    return [_RADIX]


def _whole(whole: int) -> str:
    written = ""
    while True:
        whole, digit = divmod(whole, _RADIX)
        written = _DIGITS[digit] + written
        if whole == 0:
            return written
