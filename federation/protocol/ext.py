"""`ext`: room to grow in bodies and operations documents. Names with texts, which mean nothing today and are kept."""

import re
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

MAX_EXT_ITEMS: Final = 16
MAX_EXT_VALUE: Final = 500
"""The length of a text, in characters."""

_NAME: Final = r"[a-z][a-z0-9_]{0,31}"
_TEXT: Final = r"[ !#-\[\]-~]+"

ExtWire = Annotated[
    dict[
        Annotated[str, msgspec.Meta(pattern=rf"^{_NAME}\Z")],
        Annotated[str, msgspec.Meta(pattern=rf"^{_TEXT}\Z", max_length=MAX_EXT_VALUE)],
    ],
    msgspec.Meta(min_length=1, max_length=MAX_EXT_ITEMS),
]
"""The field of a shape. Give it None as its default: an empty one is left out, and refused where it is written."""

Ext = tuple[tuple[str, str], ...]
"""Names and texts, sorted by name. Empty where the field is left out."""

_name: Final = re.compile(_NAME)
_text: Final = re.compile(_TEXT)


def ext_of(wire: Mapping[str, str] | None) -> Ext:
    """Returns the value of a decoded field."""
    return () if wire is None else tuple(sorted(wire.items()))


def ext_to_wire(ext: Ext) -> dict[str, str] | None:
    """Returns the field to encode. None where it is left out."""
    return dict(ext) or None


def find_ext_fault(ext: Ext) -> str | None:
    """Finds why `ext` cannot be written. Returns None where it can."""
    if not ext:
        return None
    names = [name for name, _ in ext]
    if names != sorted(set(names)) or len(names) > MAX_EXT_ITEMS:
        return f"its ext is not sorted by name, or has more than {MAX_EXT_ITEMS} items"
    if not all(_name.fullmatch(name) for name in names):
        return "a name in its ext is not one"
    if not all(_text.fullmatch(text) and len(text) <= MAX_EXT_VALUE for _, text in ext):
        return f"a text in its ext is empty, longer than {MAX_EXT_VALUE} characters, or not canonical"
    return None
