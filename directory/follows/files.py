"""Files of a plan for those who give no token: what Mastodon imports, and JSON. Pure."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from directory.exports import ExportedFile, mastodon_file
from directory.follows.plan import target_of
from directory.follows.runs import Wanted
from directory.mappings import Network
from directory.queries import Lists
from directory.ranking import Match

_ADDRESS: Final = "Account address"
MUTES_HEADER: Final = (_ADDRESS, "Hide notifications")


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


def blocks_file(matches: Iterable[Match]) -> ExportedFile:
    """Makes the list of blocked accounts for Mastodon's import."""
    return _csv("passerelle-blocks.csv", (_ADDRESS,), [(acct,) for acct in refused(matches, Lists.BLOCK)])


def mutes_file(matches: Iterable[Match]) -> ExportedFile:
    """Makes the list of muted accounts for Mastodon's import."""
    rows = [(acct, "true") for acct in refused(matches, Lists.MUTE)]
    return _csv("passerelle-mutes.csv", MUTES_HEADER, rows)


def refused(matches: Iterable[Match], kind: Lists) -> list[str]:
    """Lists the addresses on Mastodon of those who were blocked or muted on X, each once: the sure ones alone, so that
    nobody is blocked for somebody else."""
    return list(
        dict.fromkeys(
            str(target_of(answer.mapping).handle)
            for match in matches
            if kind in match.query.lists
            for answer in match.answers
            if answer.mapping.network is Network.MASTODON and answer.may_follow
        )
    )


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


def _csv(name: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> ExportedFile:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return ExportedFile(name, "text/csv", text.getvalue().encode())
