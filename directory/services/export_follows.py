"""The parts of an export that tell of follows: runs with the people in them, ignored people, standing matches."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from directory.accounts import LinkedAccount
from directory.follows.runs import IgnoredPerson, Item, Run, StandingMatch
from directory.members.kept_lists import LIST_NAMES


def follow_runs(
    runs: Iterable[Run], items: Iterable[tuple[UUID, Item]], accounts: Sequence[LinkedAccount]
) -> list[dict[str, Any]]:
    """Returns the runs, each with its people in the order of the plan."""
    people: defaultdict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for run, item in items:
        people[run].append(_person(item))
    return [{**_run(run, accounts), "people": people[run.id]} for run in runs]


def ignored_person(ignored: IgnoredPerson) -> dict[str, Any]:
    return {"network": ignored.network, "id": ignored.target_id, "ignored_at": ignored.ignored_at}


def standing_match(standing: StandingMatch, accounts: Sequence[LinkedAccount]) -> dict[str, Any]:
    return {
        "account": _account(standing.account, accounts),
        "since": standing.since,
        "last_batch": standing.last_batch,
    }


def _run(run: Run, accounts: Sequence[LinkedAccount]) -> dict[str, Any]:
    return {
        "network": run.network,
        "account": _account(run.account, accounts),
        "server": run.host or None,
        "kind": run.kind.name.lower(),
        "source": run.source.name.lower().replace("_", "-"),
        "title": run.title,
        "state": run.state.label,
        "waits_for": run.note or None,
        "created_at": run.created_at,
        "starts_at": run.starts_at,
        "ended_at": run.ended_at,
    }


def _person(item: Item) -> dict[str, Any]:
    return {
        "x": {
            "id": str(item.query.x_id) if item.query.x_id is not None else None,
            "handle": str(item.query.x_handle) if item.query.x_handle is not None else None,
            "seen": item.query.seen,
        },
        "lists": [name for kind, name in LIST_NAMES.items() if kind in item.query.lists],
        "to": {"id": str(item.account.id), "handle": str(item.account.handle)},
        "ticked": item.is_ticked,
        "bridge_of": item.bridge_of or None,
        "state": item.state.label,
        "reason": item.reason.label,
        "moved_to": {"id": str(item.moved_to.id), "handle": str(item.moved_to.handle)}
        if item.moved_to
        else None,
        "changed_at": item.changed_at,
    }


def _account(account: UUID, accounts: Sequence[LinkedAccount]) -> str | None:
    found = next((each.account.id for each in accounts if each.id == account), None)
    return str(found) if found is not None else None
