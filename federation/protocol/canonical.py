"""Restricted JSON in its one canonical form, for what is hashed or signed.

Objects with their keys in byte order, arrays, integers from 0 to 2^53 - 1, and texts of printable
ASCII without quote and backslash, so that nothing is ever escaped. No space between, no null, no
float, no `false`. A document is checked by encoding again what was decoded: one value, one form.
"""

from typing import Annotated, Final, TypeVar

import msgspec

MAX_INT: Final = 2**53 - 1
Number = Annotated[int, msgspec.Meta(ge=0, le=MAX_INT)]

T = TypeVar("T")


class Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """Base of the shapes that are decoded and encoded; an optional field that is None or
    false is left out."""


def encode(value: object) -> bytes:
    """Encodes a shape, whose numbers must be in range, in its canonical form.

    Raises ValueError on a text that is not allowed.
    """
    written = _encoder.encode(value)
    # A backslash marks a text that had to be escaped: a quote, a backslash, or a control character but for DEL.
    if not written.isascii() or b"\\" in written or b"\x7f" in written:
        raise ValueError("a text holds a character that is not allowed")
    return written


def decode(data: bytes, decoder: "msgspec.json.Decoder[T]", max_bytes: int) -> T:
    """Decodes a document, which must be in its canonical form. Raises ValueError.

    The shapes of `decoder` must not be recursive, as their depth bounds the nesting, and must
    bound their numbers at least as `Number` does.
    """
    if len(data) > max_bytes:
        raise ValueError(f"it is longer than {max_bytes} bytes")
    if not data.isascii():
        raise ValueError("it is not ASCII")
    try:
        value = decoder.decode(data)
    except msgspec.MsgspecError as e:
        raise ValueError(str(e)) from None
    if encode(value) != data:
        raise ValueError("it is not in its canonical form")
    return value


_encoder: Final = msgspec.json.Encoder(order="sorted")
