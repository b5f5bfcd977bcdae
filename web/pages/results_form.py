"""Reads the results form: the people, how they are shown, and what to do."""

import asyncio
import enum
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final, TypeVar

import msgspec
from litestar import Request
from litestar.datastructures import FormMultiDict, UploadFile

from directory.errors import InvalidQuery
from directory.mappings import Network
from directory.packed.queries import PackedQueries
from directory.queries import Lists, Query, read_lines, read_names
from web.pages.selection import MAX_SEARCH_CHARS, Order, Sureness, View
from web.pages.tick_keys import MAX_KEYS, MAX_KEYS_OF_A_PAGE, read_keys, read_ticks

E = TypeVar("E", bound=enum.StrEnum)

MAX_PAIRS_BYTES: Final = 6_400_000
"""100,000 lines of 64 characters."""
MAX_KEYS_CHARS: Final = 6_400_000
SHORT_CHARS: Final = 4_096
"""Of lines, or of keys, that are read where they are: a hundred take no longer than to hand them to a thread and back."""


class Action(enum.StrEnum):
    """The buttons of the form."""

    SHOW = "show"
    TICK_ALL = "all"
    TICK_NONE = "none"
    CSV = "csv"
    JSON = "json"
    LINES = "lines"
    HANDLES = "handles"
    LINKS = "links"
    BLOCKED = "blocked"
    MUTED = "muted"


class ResultsForm(msgspec.Struct, frozen=True):
    """The parsed form. `uploads` are archives sent without JavaScript."""

    queries: Sequence[Query]
    has_list: bool
    """Whether a list was sent at all: an empty one has an answer too."""
    uploads: list[UploadFile]
    has_files: bool
    """Whether the form had a field for files: without any in it, none was chosen."""
    asked: int
    """How many people were looked for at first: the form carries those who were found alone."""
    portion: int
    """Which portion of a large archive is looked up, from 1 on."""
    view: View
    action: Action
    shown: frozenset[str]
    ticked: frozenset[str]


async def read_results_form(request: Request[Any, Any, Any]) -> ResultsForm:
    """Reads the form. Raises InvalidLine for a name that cannot be read, InvalidQuery for what no form of ours sends."""
    form = await request.form()
    uploads = [file for file in form.getall("files", []) if isinstance(file, UploadFile) and file.filename]
    names, pairs = [await _text(form, name, MAX_PAIRS_BYTES) for name in ("names", "pairs")]
    if not names and len(pairs) <= SHORT_CHARS:
        queries = _read_people(pairs, names)
    else:
        # In a thread: a hundred thousand lines hold up others for a moment at most.
        queries = await asyncio.to_thread(_read_people, pairs, names)
    return ResultsForm(
        queries=queries,
        has_list="pairs" in form or bool(queries),
        uploads=uploads,
        has_files="files" in form and "pairs" not in form,
        asked=_number(_value(form, "asked")) if "asked" in form else 0,
        portion=max(1, _number(_value(form, "portion"))),
        view=View(
            network=_choice(form, "network", Network),
            lists=Lists.parse(_value(form, "list")[:1]),
            sureness=_choice(form, "sureness", Sureness) or Sureness.ALL,
            search=_value(form, "search")[:MAX_SEARCH_CHARS].strip(),
            order=_choice(form, "order", Order) or Order.NAME,
            page=_number(_value(form, "page")),
            toggled=await read_keys_aside(
                await _text(form, "toggled", MAX_KEYS_CHARS), MAX_KEYS, read=read_ticks
            ),
        ),
        action=_choice(form, "do", Action) or Action.SHOW,
        shown=await read_keys_aside(_value(form, "shown"), MAX_KEYS_OF_A_PAGE, read=read_ticks),
        ticked=frozenset(str(key) for key in form.getall("tick", [])),
    )


async def read_keys_aside(
    text: str, most: int, *, read: Callable[[str, int], frozenset[str]] = read_keys
) -> frozenset[str]:
    """Reads keys, many of them in a thread. Raises InvalidQuery as `read` does."""
    return read(text, most) if len(text) <= SHORT_CHARS else await asyncio.to_thread(read, text, most)


def _read_people(pairs: str, names: str) -> PackedQueries:
    """Reads the names first, whose faults are told before those of lines."""
    named = PackedQueries(read_names(names))
    return PackedQueries(chain(read_lines(pairs), named)) if pairs else named


def _value(form: FormMultiDict, name: str) -> str:
    """Returns the last field of that name: a pressed button comes after the field that it overrides."""
    values = form.getall(name, [])
    return values[-1] if values and isinstance(values[-1], str) else ""


async def _text(form: FormMultiDict, name: str, max_bytes: int) -> str:
    """Reads a long field, which scripts send as a file."""
    value = form.get(name, "")
    if isinstance(value, UploadFile):
        raw = await value.read(max_bytes + 1)
        try:
            value = raw.decode()
        except UnicodeDecodeError:
            raise InvalidQuery(f"{name} is not text") from None
    if len(value) > max_bytes:
        raise InvalidQuery(f"{name} is longer than {max_bytes} bytes")
    return str(value)


def _choice(form: FormMultiDict, name: str, kind: type[E]) -> E | None:
    try:
        return kind(_value(form, name))
    except ValueError:
        return None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 1
