"""The descriptor of an instance, `/.well-known/passerelle`, as another one serves it. Nothing in it is trusted. Pure."""

from typing import Annotated, Final, Literal

import msgspec

from directory.origin_names import is_origin
from federation.errors import InvalidDescriptor
from federation.protocol.peer import MAX_CONTACT_CHARS, MAX_NAME_CHARS

DESCRIPTOR_PATH: Final = "/.well-known/passerelle"
MAX_DESCRIPTOR_BYTES: Final = 65_536
MAX_DOCUMENT_COUNT: Final = 200_000
"""More than any chain may have."""

_Count = Annotated[int, msgspec.Meta(ge=1, le=MAX_DOCUMENT_COUNT)]


class Descriptor(msgspec.Struct, frozen=True):
    """What an instance says of itself. Fields that are not needed here are not read."""

    v: Literal[1]
    origin: str
    operations: _Count
    """How many operations documents it says that there are."""
    name: str = ""
    contact: str = ""
    software: str = ""
    version: str = ""
    federation: str = ""
    """Where it answers peers; empty where it does not."""


_decoder: Final = msgspec.json.Decoder(Descriptor)


def parse_descriptor(data: bytes) -> Descriptor:
    """Parses a descriptor. Its texts hold only characters that a terminal and a page can show, and are cut to their
    lengths. Raises InvalidDescriptor."""
    if len(data) > MAX_DESCRIPTOR_BYTES:
        raise InvalidDescriptor(f"a descriptor is longer than {MAX_DESCRIPTOR_BYTES} bytes")
    try:
        said = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidDescriptor("this is not the descriptor of an instance") from error
    if not is_origin(said.origin):
        raise InvalidDescriptor("the descriptor does not name a log by its origin")
    return msgspec.structs.replace(
        said,
        name=to_plain(said.name, MAX_NAME_CHARS),
        contact=to_plain(said.contact, MAX_CONTACT_CHARS),
        software=to_plain(said.software, MAX_NAME_CHARS),
        version=to_plain(said.version, MAX_NAME_CHARS),
    )


def to_plain(text: str, max_chars: int) -> str:
    """Replaces what does not print, such as the escapes that a terminal obeys, and cuts the text."""
    plain = "".join(character if character.isprintable() else " " for character in text[: 4 * max_chars])
    return " ".join(plain.split())[:max_chars]
