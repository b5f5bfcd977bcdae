"""Reads the form of a plan: the people, the account, the ticks, and what to do."""

import enum
from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Request
from litestar.datastructures import FormMultiDict

from directory.follows.runs import RunKind, Source
from web.pages.results_form import ResultsForm, read_keys_aside, read_results_form
from web.pages.tick_keys import MAX_KEYS_OF_A_PAGE

MAX_ID_CHARS: Final = 2_048
MAX_BRIDGES: Final = 1_000
"""Ids of bridged people in one form: more are no person's ticks."""
SOURCES: Final = {
    "upload": Source.UPLOAD,
    "kept-list": Source.KEPT_LIST,
    "newcomers": Source.ARRIVAL,
    "followers": Source.FOLLOWERS,
}
SOURCE_NAMES: Final = {source: name for name, source in SOURCES.items()}


class Do(enum.StrEnum):
    """The buttons of the form."""

    SHOW = "show"
    START = "start"
    BLOCK = "block"
    MUTE = "mute"
    FOLLOWS = "follows"
    BLOCKS = "blocks"
    MUTES = "mutes"
    LINKS = "links"
    JSON = "json"


RUNS: Final[Mapping[Do, RunKind]] = {
    Do.START: RunKind.FOLLOW,
    Do.BLOCK: RunKind.BLOCK,
    Do.MUTE: RunKind.MUTE,
}
"""The buttons that start a run."""


class Part(enum.StrEnum):
    """Which people of a plan are shown."""

    WANTED = "wanted"
    LEFT_OUT = "left-out"


class FollowForm(msgspec.Struct, frozen=True):
    """The parsed form. `ignore` and `restore` are the ids of accounts; `starts_on` is None for now. `bridges` are the ids
    of people on the other network whose bridged accounts are ticked."""

    results: ResultsForm
    source: Source
    account: UUID | None
    do: Do
    part: Part
    ignore: str
    restore: str
    starts_on: date | None
    bridges: frozenset[str] = frozenset()

    @property
    def changes(self) -> bool:
        """Whether anything is stored: then the form has to be one of ours."""
        return self.do in RUNS or bool(self.ignore or self.restore)


async def read_follow_form(request: Request[Any, Any, Any]) -> FollowForm:
    """Reads the form. Raises InvalidQuery for what no form of ours sends."""
    results, form = await read_results_form(request), await request.form()
    return FollowForm(
        results,
        SOURCES.get(_value(form, "source"), Source.UPLOAD),
        parse_uuid(_value(form, "account")),
        _do(_value(form, "do")),
        Part.LEFT_OUT if _value(form, "part") == Part.LEFT_OUT else Part.WANTED,
        _value(form, "ignore")[:MAX_ID_CHARS],
        _value(form, "restore")[:MAX_ID_CHARS],
        _day(_value(form, "starts_on")),
        await _bridges(form),
    )


async def _bridges(form: FormMultiDict) -> frozenset[str]:
    """Returns the ticks of the other pages, and those of the page that was sent. Raises InvalidQuery for more than pages have."""
    shown = await read_keys_aside(_value(form, "bridges_shown"), MAX_KEYS_OF_A_PAGE)
    kept = await read_keys_aside(_value(form, "bridges"), MAX_BRIDGES) - shown
    ticked = {each for each in form.getall("bridge", []) if isinstance(each, str)}
    return frozenset(sorted(kept | ticked)[:MAX_BRIDGES])


def parse_uuid(text: str) -> UUID | None:
    """Parses an id of ours. Returns None for anything else."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _value(form: FormMultiDict, name: str) -> str:
    """Returns the last field of that name: a pressed button comes after the field that it overrides."""
    values = form.getall(name, [])
    return values[-1] if values and isinstance(values[-1], str) else ""


def _do(text: str) -> Do:
    try:
        return Do(text)
    except ValueError:
        return Do.SHOW


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
