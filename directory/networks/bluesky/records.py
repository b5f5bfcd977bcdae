"""The records of each kind of run: what they are called, and what they say."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from directory.follows.runs import Run, RunKind
from directory.networks.bluesky import sdk
from directory.networks.bluesky.tids import micros_of, tid_of

FOLLOW: Final = "app.bsky.graph.follow"
BLOCK: Final = "app.bsky.graph.block"
LIST: Final = "app.bsky.graph.list"
LIST_ITEM: Final = "app.bsky.graph.listitem"
COLLECTIONS: Final[Mapping[RunKind, str]] = {
    RunKind.FOLLOW: FOLLOW,
    RunKind.BLOCK: BLOCK,
    RunKind.LIST: LIST_ITEM,
}
MAX_TITLE_CHARS: Final = 64
_CURATED: Final = "app.bsky.graph.defs#curatelist"


def record_of(kind: RunKind, subject: str, at: datetime, list_uri: str) -> Any:
    """Makes the record that follows, blocks or lists somebody. `list_uri` counts for a list alone."""
    made = _written(at)
    if kind is RunKind.LIST:
        return sdk.models.AppBskyGraphListitem.Record(subject=subject, list=list_uri, created_at=made)
    if kind is RunKind.BLOCK:
        return sdk.models.AppBskyGraphBlock.Record(subject=subject, created_at=made)
    return sdk.models.AppBskyGraphFollow.Record(subject=subject, created_at=made)


def list_record(run: Run) -> Any:
    """Makes the record of a run's list."""
    title = run.title.strip()[:MAX_TITLE_CHARS] or "X"
    return sdk.models.AppBskyGraphList.Record(
        name=title, purpose=_CURATED, created_at=_written(run.created_at)
    )


def list_key(run: Run) -> str:
    """Returns the key of a run's list, which is the same whenever it is asked for."""
    return tid_of(micros_of(run.created_at), run.id.int)


def _written(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
