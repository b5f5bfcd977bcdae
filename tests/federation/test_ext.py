"""`ext` is the room to grow: what it holds is kept, and what breaks its limits is refused."""

from typing import Final

import msgspec
import pytest

from federation.protocol import canonical
from federation.protocol.ext import (
    MAX_EXT_ITEMS,
    MAX_EXT_VALUE,
    Ext,
    ExtWire,
    ext_of,
    ext_to_wire,
    find_ext_fault,
)


class Shape(canonical.Wire, frozen=True):
    ext: ExtWire | None = None


decoder: Final = msgspec.json.Decoder(Shape)


@pytest.mark.parametrize(
    "ext",
    [
        (),
        (("a", "1"),),
        (("a", "x" * MAX_EXT_VALUE), ("a" + "_" * 31, "<& '~")),
        tuple((f"n{number:02}", "text") for number in range(MAX_EXT_ITEMS)),
    ],
)
def test_what_is_within_the_limits_is_kept(ext: Ext) -> None:
    assert find_ext_fault(ext) is None
    written = canonical.encode(Shape(ext_to_wire(ext)))
    assert ext_of(canonical.decode(written, decoder, 10_000).ext) == ext


@pytest.mark.parametrize(
    "ext",
    [
        (("a", ""),),
        (("a", "x" * (MAX_EXT_VALUE + 1)),),
        (("a", "line\n"),),
        (("a", 'quote"'),),
        (("a", "back\\slash"),),
        (("a", "caf\u00e9"),),
        (("", "x"),),
        (("A", "x"),),
        (("1a", "x"),),
        (("a\n", "x"),),
        (("a" * 33, "x"),),
        tuple((f"n{number:02}", "text") for number in range(MAX_EXT_ITEMS + 1)),
    ],
)
def test_what_breaks_them_is_neither_written_nor_read(ext: Ext) -> None:
    assert find_ext_fault(ext) is not None
    with pytest.raises(ValueError, match=r".+"):
        canonical.decode(msgspec.json.encode({"ext": dict(ext)}), decoder, 20_000)


@pytest.mark.parametrize("ext", [(("b", "x"), ("a", "x")), (("a", "x"), ("a", "y"))])
def test_names_are_sorted_and_stand_once(ext: Ext) -> None:
    assert find_ext_fault(ext) is not None


@pytest.mark.parametrize(
    "data",
    [
        b'{"ext":{}}',
        b'{"ext":{"b":"x","a":"x"}}',
        b'{"ext":{"a":"x","a":"x"}}',
        b'{"ext":{"a":1}}',
        b'{"ext":null}',
        b'{"ext":{"a":{"b":"x"}}}',
    ],
)
def test_another_spelling_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        canonical.decode(data, decoder, 1_000)
