"""Reads and writes the heads of plain exchanges: a GET or HEAD without a body, and its answer of a known length. Pure.

What is not plain is None, and h11's to read or to write. What is plain is the same to the byte either way.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from deploy.edge.heads import MAX_HEAD_BYTES, TOKEN

Fields = list[tuple[bytes, bytes]]
_VALUE: Final = rb"[\t\x20-\x7e\x80-\xff]*+"
_REQUEST: Final = re.compile(
    rb"(GET|HEAD) (/[\x21\x22\x24-\x7e]*+) HTTP/1\.1\r\n((?:" + TOKEN + rb":" + _VALUE + rb"\r\n)++)\r\n"
)
_ASKS_FOR_MORE: Final = frozenset(
    {b"connection", b"content-length", b"expect", b"http2-settings", b"transfer-encoding", b"upgrade"}
)
_ANSWER_FIELDS: Final = re.compile(
    rb"(?:" + TOKEN + rb": (?:[\x21-\x7e\x80-\xff]" + _VALUE + rb"(?<![\t ]))?\r\n)*+\r\n"
)
_LENGTH: Final = re.compile(rb"[0-9]{1,15}")
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding", b"connection", b"host"})
_WITHOUT_BODY: Final = frozenset({204, 304})


class PlainRequest(NamedTuple):
    """A request as a server hands it to an application: names in lower case, values without blanks around them."""

    method: str
    target: bytes
    fields: Fields


class AnswerHead(NamedTuple):
    """The head of an answer as it is sent, and how long its body is."""

    head: bytes
    body_bytes: int


def read_plain_request(data: bytes) -> PlainRequest | None:
    """Reads what is one head, and nothing else. None where it has a body, asks for anything of the connection, or is not
    as it should be."""
    match = _REQUEST.fullmatch(data)
    if match is None or len(data) > MAX_HEAD_BYTES:
        return None
    method, target, lines = match.groups()
    fields = []
    hosts = 0
    for line in lines.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        name = name.lower()
        value = value.strip(b" \t")
        if name in _ASKS_FOR_MORE and not (name == b"connection" and value.lower() == b"keep-alive"):
            return None
        hosts += name == b"host"
        fields.append((name, value))
    return PlainRequest(method.decode(), target, fields) if hosts == 1 else None


def write_plain_answer(method: str, status: int, fields: Iterable[tuple[bytes, bytes]]) -> AnswerHead | None:
    """Writes the head of an answer. None where the length of its body is not known, or where the connection ends with it."""
    lines = [b"HTTP/1.1 %d \r\n" % status]
    lengths: list[bytes] = []
    for name, value in fields:
        begun, framing = _begun(name)
        lines.append(begun + value + b"\r\n")
        if framing:
            if framing != b"content-length":
                return None
            lengths.append(value)
    body_bytes = _body_bytes(method, status, lengths)
    if body_bytes is None:
        return None
    lines.append(b"\r\n")
    head = b"".join(lines)
    # As many lines as fields: a value that holds a line end would be two fields.
    is_written = head.count(b"\n") == len(lines) and _ANSWER_FIELDS.fullmatch(head, len(lines[0]))
    return AnswerHead(head, body_bytes) if is_written else None


@lru_cache(128)
def _begun(name: bytes) -> tuple[bytes, bytes]:
    """Returns how the line of a field begins, and which of the framing it is about. No value is kept: some are secrets."""
    lowered = name.lower()
    return name + b": ", lowered if lowered in _FRAMING else b""


def _body_bytes(method: str, status: int, lengths: Sequence[bytes]) -> int | None:
    is_framed = len(lengths) == 1 and _LENGTH.fullmatch(lengths[0]) is not None
    if status in _WITHOUT_BODY and (is_framed or not lengths):
        return 0
    if not 200 <= status <= 999 or not is_framed:
        return None
    return 0 if method == "HEAD" else int(lengths[0])
