"""Long texts from outside are taken apart a part at a time, wherever their ends are."""

import re
import tracemalloc
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import directory.queries
from directory.errors import InvalidQuery
from directory.pasted.parts import split_at
from directory.queries import MAX_MATCH_PAIRS, parse_names

ALL_LINE_ENDS: Final = [chr(code) for code in range(0x3000) if len(f"a{chr(code)}b".splitlines()) == 2]
MEGABYTE: Final = 2**20


@given(st.text("ab \n"), st.integers(0, 8))
def test_parts_are_the_text_and_end_at_its_ends(text: str, chars: int) -> None:
    parts = list(split_at(re.compile(r"\s"), text, chars))
    assert "".join(parts) == text
    for part in parts[:-1]:
        assert part[-1].isspace()
        assert len(part) > chars
        assert not any(char.isspace() for char in part[chars:-1])


@given(st.text(["a", *ALL_LINE_ENDS]), st.integers(0, 8))
def test_lines_end_where_python_ends_them(text: str, chars: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(directory.queries, "LINES_AT_ONCE_CHARS", chars)
        assert list(directory.queries._pasted_lines_of(text)) == text.splitlines()


@pytest.mark.parametrize("end", ALL_LINE_ENDS)
def test_rare_line_ends_do_not_make_millions_of_lines_at_once(end: str) -> None:
    """Attack: six megabytes of short lines, whose ends are none that were looked for, were taken apart in one call."""
    text = f"ab{end}" * (20 * MAX_MATCH_PAIRS)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidQuery, match="more than"):
            parse_names(text)
        assert tracemalloc.get_traced_memory()[1] < 4 * MEGABYTE
    finally:
        tracemalloc.stop()
