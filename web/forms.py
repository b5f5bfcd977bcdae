"""Reads forms as browsers send them, in steps that hold nobody up.

The framework reads any number of fields at once, decodes texts by whatever rules their sender names, of which some take the square
of their length, and keeps the last thousand forms that are not multipart, whole, for as long as the process runs.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final
from urllib.parse import parse_qsl

from litestar import Request
from litestar.datastructures import FormMultiDict, UploadFile
from litestar.enums import RequestEncodingType
from litestar.exceptions import ClientException
from litestar.status_codes import HTTP_413_REQUEST_ENTITY_TOO_LARGE
from litestar.types import Empty
from multipart import (  # type: ignore[import-untyped]  # it has no types
    MultipartSegment,
    ParserError,
    ParserLimitReached,
    PushMultipartParser,
)

from web.plain_forms import MAX_PLAIN_BYTES, read_plain_fields

Field = tuple[str, str | UploadFile]

MAX_URL_ENCODED_BYTES: Final = 512 * 2**10
"""Of a form that is not multipart: forms that hold long lists are. Each byte may come as three, and takes an object until then."""
MAX_TEXT_BYTES: Final = 20_000_000
"""Of all fields that are no files: people and ticks."""
_SHORT_BYTES: Final = 4_096
"""Of a form that is read where it is: it takes no longer than to hand it to a thread and back."""
_CHARSETS: Final = frozenset({None, "", "utf-8", "utf8", "us-ascii"})
"""What a text may say of itself. Browsers say nothing, and send UTF-8 (RFC 7578, section 5.1)."""


class FormTooLarge(ClientException):
    """The form holds more text than any of ours."""

    status_code = HTTP_413_REQUEST_ENTITY_TOO_LARGE


class FormRequest(Request[Any, Any, Any]):
    """A request whose form is read here, and kept where the framework closes its files once it is answered."""

    async def form(self) -> FormMultiDict:
        """Reads the form; any other body is an empty one. Raises ClientException, FormTooLarge."""
        if self._connection_state.form is Empty:
            fields: dict[str, Any] = FormMultiDict(await self._fields()).dict()
            self._connection_state.form = fields
        return await super().form()

    async def _fields(self) -> Iterable[Field]:
        kind, options = self.content_type
        most = self.app.multipart_form_part_limit
        if kind == RequestEncodingType.URL_ENCODED:
            return await read_url_encoded(self.stream(), most)
        if kind != RequestEncodingType.MULTI_PART:
            return []
        boundary = options.get("boundary", "").encode()
        if self._is_short() and (plain := read_plain_fields(await self.body(), boundary, most)) is not None:
            return plain
        return await read_multipart(self.stream(), boundary, most)

    def _is_short(self) -> bool:
        """Whether the whole body is short. A length beside a transfer coding says nothing (RFC 9112, section 6.3)."""
        length = self.content_length
        return length is not None and length <= MAX_PLAIN_BYTES and "transfer-encoding" not in self.headers


async def read_url_encoded(pieces: AsyncIterator[bytes], most: int) -> list[tuple[str, str]]:
    """Reads a form that is not multipart. Raises FormTooLarge, also for more than `most` fields."""
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > MAX_URL_ENCODED_BYTES:
            raise FormTooLarge
    if body.count(b"&") >= most:
        raise FormTooLarge
    text = body.decode("latin-1")
    if len(text) <= _SHORT_BYTES:
        return parse_qsl(text, keep_blank_values=True)
    return await asyncio.to_thread(parse_qsl, text, keep_blank_values=True)


async def read_multipart(pieces: AsyncIterator[bytes], boundary: bytes, most: int) -> list[Field]:
    """Reads a form with files. Raises ClientException where it is none, or has more than `most` fields, and FormTooLarge.

    Its files are open once it returns, and closed where it raises.
    """
    reader = _MultipartReader()
    try:
        with PushMultipartParser(boundary, max_segment_count=most) as parser:
            async for piece in pieces:
                for event in parser.parse(piece) if piece else ():
                    await reader.take(event)
        reader.is_whole = True
    except ParserLimitReached:
        raise FormTooLarge from None
    except ParserError as error:
        raise ClientException("Invalid multipart/form-data") from error
    finally:
        reader.close_unless_whole()
    return reader.fields


class _MultipartReader:
    """Makes fields of what the parser finds."""

    def __init__(self) -> None:
        self.fields: list[Field] = []
        self.is_whole = False
        self._name = ""
        self._text = bytearray()
        self._file: UploadFile | None = None
        self._text_bytes = 0

    async def take(self, event: MultipartSegment | bytes | None) -> None:
        """Takes the head of a field, or some of its value, or its end."""
        if isinstance(event, MultipartSegment):
            self._begin(event)
        elif event is None:
            await self._end()
        elif self._file is not None:
            await self._file.write(event)
        else:
            self._text_bytes += len(event)
            if self._text_bytes > MAX_TEXT_BYTES:
                raise FormTooLarge
            self._text += event

    def _begin(self, head: MultipartSegment) -> None:
        self._name = head.name
        self._text = bytearray()
        if head.filename:
            kind = head.content_type or "text/plain"
            self._file = UploadFile(kind, head.filename, headers=dict(head.headerlist))
            self.fields.append((self._name, self._file))
        elif head.charset is not None and head.charset.lower() not in _CHARSETS:
            raise ClientException("The text of a form is UTF-8")

    async def _end(self) -> None:
        if self._file is not None:
            await self._file.seek(0)
            self._file = None
            return
        try:
            self.fields.append((self._name, self._text.decode()))
        except UnicodeDecodeError:
            raise ClientException("The text of a form is UTF-8") from None

    def close_unless_whole(self) -> None:
        """Closes the files of a form that was not read to its end."""
        for _, value in () if self.is_whole else self.fields:
            if isinstance(value, UploadFile):
                value.file.close()
