"""Reads the forms that pages of results send: a hundred short fields, mostly ticks, and no file.

The parser of files goes byte by byte over what may come in pieces, and takes five times as long.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from litestar import Request
from litestar.datastructures import FormMultiDict
from litestar.enums import RequestEncodingType

MAX_PLAIN_BYTES: Final = 64 * 2**10
_HEAD: Final = re.compile(rb'\r\nContent-Disposition: form-data; name="([a-z_]{1,32})"\r\n\r\n')
_ENDS: Final = frozenset({b"--\r\n", b"--"})


class PlainFormRequest(Request[Any, Any, Any]):
    """A request whose form is read at once where it is short and holds plain fields alone."""

    __slots__ = ("_plain",)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._plain: FormMultiDict | None = None

    async def form(self) -> FormMultiDict:
        """Reads the form."""
        if self._plain is None and (fields := await self._plain_fields()) is not None:
            self._plain = FormMultiDict(fields)
        return self._plain if self._plain is not None else await super().form()

    async def _plain_fields(self) -> Iterable[tuple[str, str]] | None:
        kind, options = self.content_type
        length = self.content_length
        if kind != RequestEncodingType.MULTI_PART or length is None or length > MAX_PLAIN_BYTES:
            return None
        boundary = options.get("boundary", "").encode()
        return read_plain_fields(await self.body(), boundary, self.app.multipart_form_part_limit)


def read_plain_fields(body: bytes, boundary: bytes, most: int) -> list[tuple[str, str]] | None:
    """Reads a form as browsers send it (RFC 7578). None where it holds a file or more than `most` fields, or is not as it should be."""
    if not boundary:
        return None
    begin, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if begin or not parts or parts.pop() not in _ENDS or len(parts) > most:
        return None
    fields = []
    for part in parts:
        head = _HEAD.match(part)
        if head is None:
            return None
        try:
            fields.append((head[1].decode(), part[head.end() :].decode()))
        except UnicodeDecodeError:
            return None
    return fields
