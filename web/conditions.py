"""Reads conditional requests (RFC 9110, section 13.1.2)."""

from collections.abc import Iterable


def has_already(headers: Iterable[tuple[bytes, bytes]], etag: bytes) -> bool:
    """Tells whether who asks has the content of this validator. All lines count, as one list; validators are compared
    weakly (section 8.8.3.2): a proxy that compresses makes a strong one weak, or a weak one strong."""
    lines = [value for name, value in headers if name == b"if-none-match"]
    if not lines:
        return False
    known = {_weak(tag) for line in lines for tag in line.split(b",")}
    return bool(known & {b"*", _weak(etag)})


def _weak(tag: bytes) -> bytes:
    return tag.strip().removeprefix(b"W/")
