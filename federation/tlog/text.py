"""Helpers of the text formats. Each function raises ValueError; the parsers turn it into their own error."""

import base64
import re
from typing import Final

MAX_INT: Final = 2**63 - 1

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


def parse_decimal(text: str) -> int:
    """Parses ASCII digits without sign, space or leading zero: 0 to 2^63 - 1."""
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_INT:
        raise ValueError("a number is not plain decimal below 2^63")
    return int(text)


def decode_base64(text: str) -> bytes:
    """Decodes standard base64 (RFC 4648, section 4) in its one canonical form: padded, no stray bits."""
    decoded = base64.b64decode(text.encode("ascii"), validate=True)
    if encode_base64(decoded) != text:
        raise ValueError("base64 is not in its canonical form")
    return decoded


def encode_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def decode_hash(text: str) -> bytes:
    """Decodes one SHA-256 hash in base64."""
    decoded = decode_base64(text)
    if len(decoded) != 32:
        raise ValueError("a hash is not 32 bytes long")
    return decoded


def check_text(text: str) -> None:
    """Checks a text: no ASCII control character but newline, and nothing that UTF-8 cannot encode."""
    if _CONTROL.search(text):
        raise ValueError("it holds a control character")
    text.encode("utf-8")


def count_leaves(count: int) -> str:
    """Returns so many leaves in words, for sentences."""
    return "1 leaf" if count == 1 else f"{count:,} leaves"
