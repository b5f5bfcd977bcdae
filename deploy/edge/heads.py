"""Reads the head of a request (RFC 9112), strictly: what two programs could read differently is refused. Pure."""

import re
from dataclasses import dataclass
from typing import Final

MAX_HEAD_BYTES: Final = 16_384
MAX_TARGET_BYTES: Final = 8_192
MAX_FIELDS: Final = 100
_METHODS: Final = frozenset({b"GET", b"HEAD", b"POST", b"OPTIONS", b"PUT", b"PATCH", b"DELETE"})
TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE: Final = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]+) HTTP/([0-9]\.[0-9])")
_FIELD: Final = re.compile(rb"(" + TOKEN + rb"):([\t\x20-\x7e\x80-\xff]*)")
_ABSOLUTE: Final = re.compile(rb"(?i:https?)://([^/?#@]+)(/[^?#]*)?(\?[^#]*)?")
_HOST: Final = re.compile(rb"[0-9A-Za-z._-]*(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")
_LENGTH: Final = re.compile(rb"[0-9]{1,15}")
_BARE: Final = re.compile(rb"(?<!\r)\n|\r(?=[^\n])")
# Most requests, at a tenth of the price: nothing in them is changed, and they have no body.
_PLAIN: Final = re.compile(
    rb"(?:GET|HEAD) /[\x21\x22\x24-\x7e]* HTTP/1\.1\r\n(?:" + TOKEN + rb":[\t\x20-\x7e\x80-\xff]*\r\n)+\r\n"
)
_NOT_PLAIN: Final = re.compile(
    rb"(?i)\n(?:transfer-encoding|content-length|upgrade|http2-settings|expect"
    rb"|connection(?!:[ \t]*(?:keep-alive|close)[ \t]*\r))"
)
_PLAIN_HOST: Final = re.compile(rb"(?i)\nhost:([^\r]*)\r")
# What asks for another protocol. Ignored, as RFC 9110 (section 7.8) allows: there is one protocol here.
_UPGRADES: Final = frozenset({b"upgrade", b"http2-settings"})
_LOOKED_AT: Final = frozenset({b"host", b"content-length", b"transfer-encoding", b"connection", b"expect"})


class Refused(Exception):
    """A head that is not answered: the status, and a word for the log of the operator."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(f"{status} {reason}")


@dataclass(frozen=True, slots=True)
class Head:
    """A head as it is passed on. `body_bytes` is None where the body ends with the connection."""

    passed_on: bytes
    body_bytes: int | None


def check_begun(begun: bytes | bytearray) -> None:
    """Raises Refused where a head that is not complete yet can never be one."""
    if not b"A" <= begun[:1] <= b"z":
        raise Refused(400, "not-http")
    if _BARE.search(begun):
        raise Refused(400, "bare-line-end")
    if len(begun) > MAX_HEAD_BYTES:
        raise Refused(431, "head-too-large")


def read_head(raw: bytes) -> Head:
    """Reads a head up to and with its empty line. Raises Refused."""
    return Head(raw, 0) if is_plain(raw) else read_any_head(raw)


def is_plain(raw: bytes) -> bool:
    """Tells whether a head is passed on as it is, and has no body."""
    if not _PLAIN.fullmatch(raw) or _NOT_PLAIN.search(raw):
        return False
    if len(raw) > MAX_TARGET_BYTES or raw.count(b"\n") > MAX_FIELDS:
        return False
    hosts = _PLAIN_HOST.findall(raw)
    return len(hosts) == 1 and bool(_HOST.fullmatch(hosts[0].strip(b" \t")))


def read_any_head(raw: bytes) -> Head:
    """Reads a head, line by line. Raises Refused."""
    check_begun(raw)
    first, *lines = raw[:-4].split(b"\r\n")
    method, target, version = _read_request_line(first)
    if len(lines) > MAX_FIELDS:
        raise Refused(431, "too-many-fields")
    fields = [_read_field(line) for line in lines]
    special = _special(fields)
    target, host = _origin_form(target, _host_of(special, version))
    body_bytes = _body_bytes(special, version)
    if special.get(b"expect", [b"100-continue"])[0].lower() != b"100-continue":
        raise Refused(417, "expectation")
    kept = [line for (name, _), line in zip(fields, lines, strict=True) if _is_kept(name)]
    if host is not None:
        kept.insert(0, b"Host: " + host)
    if (connection := _connection(special, body_bytes)) is not None:
        kept.append(b"Connection: " + connection)
    line = b"%b %b HTTP/%b" % (method, target, version)
    return Head(b"\r\n".join([line, *kept, b"", b""]), body_bytes)


def _read_request_line(line: bytes) -> tuple[bytes, bytes, bytes]:
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise Refused(400, "request-line")
    method, target, version = match.groups()
    if version not in {b"1.1", b"1.0"}:
        raise Refused(505, "version")
    if method not in _METHODS:
        raise Refused(501, "method")
    if len(target) > MAX_TARGET_BYTES:
        raise Refused(414, "target-too-long")
    return method, target, version


def _read_field(line: bytes) -> tuple[bytes, bytes]:
    match = _FIELD.fullmatch(line)
    if match is None:
        raise Refused(400, "field")
    name, value = match.groups()
    return name.lower(), value.strip(b" \t")


def _special(fields: list[tuple[bytes, bytes]]) -> dict[bytes, list[bytes]]:
    special: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        if name in _LOOKED_AT:
            special.setdefault(name, []).append(value)
    return special


def _is_kept(name: bytes) -> bool:
    return name not in _UPGRADES and name not in {b"host", b"connection"}


def _host_of(special: dict[bytes, list[bytes]], version: bytes) -> bytes | None:
    hosts = special.get(b"host", [])
    if len(hosts) > 1 or (version == b"1.1" and not hosts) or not all(map(_HOST.fullmatch, hosts)):
        raise Refused(400, "host")
    return hosts[0] if hosts else None


def _origin_form(target: bytes, host: bytes | None) -> tuple[bytes, bytes | None]:
    """Returns target and host of what may be in absolute form, whose host goes before the field (section 3.2.2)."""
    if target.startswith(b"/"):
        if b"#" in target:
            raise Refused(400, "target")
        return target, host
    match = _ABSOLUTE.fullmatch(target)
    if match is None or not _HOST.fullmatch(match[1]):
        raise Refused(400, "target")
    return (match[2] or b"/") + (match[3] or b""), match[1]


def _body_bytes(special: dict[bytes, list[bytes]], version: bytes) -> int | None:
    lengths, codings = special.get(b"content-length", []), special.get(b"transfer-encoding", [])
    if codings:
        if lengths or version == b"1.0":
            raise Refused(400, "length-and-encoding")
        if [coding.lower() for coding in codings] != [b"chunked"]:
            raise Refused(501, "encoding")
        return None
    if len(lengths) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
        raise Refused(400, "length")
    return int(lengths[0]) if lengths else 0


def _connection(special: dict[bytes, list[bytes]], body_bytes: int | None) -> bytes | None:
    """Returns what is passed on of `Connection`: nothing of other protocols. After a body in chunks the connection ends, so
    that where it ended is no question for whoever counts requests."""
    tokens = {
        token.strip().lower() for value in special.get(b"connection", []) for token in value.split(b",")
    }
    if b"close" in tokens or body_bytes is None:
        return b"close"
    return b"keep-alive" if b"keep-alive" in tokens else None
