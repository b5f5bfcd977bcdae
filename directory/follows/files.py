"""Files of a plan for those who give no token: what Mastodon imports, and JSON. Pure."""

from collections.abc import Iterable, Sequence

import msgspec

from directory.exports import ExportedFile, mastodon_file
from directory.follows.runs import Wanted
from directory.mappings import Network


class PlannedAccount(msgspec.Struct, frozen=True):
    """One account of a plan, and the X account that led to it."""

    network: Network
    id: str
    handle: str
    x_id: str | None
    x_handle: str | None


def follows_file(wanted: Sequence[Wanted]) -> ExportedFile:
    """Makes the follows for Mastodon's import."""
    return mastodon_file([str(each.account.handle) for each in wanted], "passerelle-follows")


def plan_json(network: Network, wanted: Iterable[Wanted]) -> ExportedFile:
    """Makes a JSON array of `PlannedAccount`."""
    accounts = [
        PlannedAccount(
            network,
            str(each.account.id),
            str(each.account.handle),
            str(each.query.x_id) if each.query.x_id else None,
            str(each.query.x_handle) if each.query.x_handle else None,
        )
        for each in wanted
    ]
    content = msgspec.json.format(msgspec.json.encode(accounts), indent=1)
    return ExportedFile("passerelle-follows.json", "application/json", content)
