"""The operator's own texts: terms of use, privacy and legal notice. Each is a plain text file, or an address elsewhere.

Trusted: they are the operator's. They are shown as text all the same, never as HTML. The files are read once, at start.
"""

import os
import re
import stat
from pathlib import Path
from typing import Final

import msgspec

from directory.settings import PREFIX, InvalidSettings, Settings, is_elsewhere

MAX_TEXT_BYTES: Final = 200_000
"""Five times the longest terms of a large service."""
_BETWEEN_PARAGRAPHS: Final = re.compile(r"\n[ \t]*\n\s*")
# Without O_NONBLOCK a pipe would block.
_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


class OperatorText(msgspec.Struct, frozen=True):
    """One text: its paragraphs, or the address where it is."""

    address: str = ""
    paragraphs: tuple[str, ...] = ()


class OperatorTexts(msgspec.Struct, frozen=True):
    """All of them; None for one that is not set."""

    terms: OperatorText | None = None
    privacy: OperatorText | None = None
    notice: OperatorText | None = None


NO_TEXTS: Final = OperatorTexts()
NAMES: Final = OperatorTexts.__struct_fields__


def read_operator_texts(settings: Settings) -> OperatorTexts:
    """Reads the texts that the settings name. Raises InvalidSettings, with a sentence that names the setting."""
    return OperatorTexts(**{name: read_text(name, getattr(settings, name)) for name in NAMES})


def read_text(name: str, place: str) -> OperatorText | None:
    """Reads the text of one setting. Returns None where it is not set. Raises InvalidSettings."""
    if not place:
        return None
    if is_elsewhere(place):
        return OperatorText(address=place)
    path = Path(place).expanduser()
    try:
        text = _read_file(path)
    except OSError as error:
        raise _unusable(name, path, f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise _unusable(name, path, str(error)) from error
    return OperatorText(paragraphs=tuple(_BETWEEN_PARAGRAPHS.split(text)))


def _read_file(path: Path) -> str:
    """Returns the text of a file. Raises OSError, and ValueError with what is wrong with it."""
    with os.fdopen(os.open(path, _READ), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("is not a file")
        content = file.read(MAX_TEXT_BYTES + 1)
    if len(content) > MAX_TEXT_BYTES:
        raise ValueError(f"is larger than {MAX_TEXT_BYTES:,} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("is not plain text in UTF-8") from None
    if "\0" in text:
        raise ValueError("is not plain text in UTF-8")
    if not text.strip():
        raise ValueError("is empty")
    return text.replace("\r\n", "\n").strip()


def _unusable(name: str, path: Path, why: str) -> InvalidSettings:
    return InvalidSettings(f"{PREFIX}{name.upper()}: the file {path} {why}")
