"""How the people of one page of a plan look, and the copies of theirs that a bridge keeps. A page waits 3 seconds at most.

Whoever is on the other network only is shown as they look there: a copy looks the same. Where their own server tells
strangers nothing, a copy on Bluesky is asked for instead; the bridge's own server tells nothing of a copy.
"""

import asyncio
from collections.abc import Mapping, Sequence

from directory.accounts import TargetAccount
from directory.follows.faces import Face
from directory.follows.plan import Wishes
from directory.mappings import Network
from directory.services.bridging import WAIT_S, Bridging
from directory.services.faces import Faces
from web.pages.plan_rows import PlanPage, may_be_bridged_on, with_bridged
from web.pages.planned import open_ones

Copies = Mapping[str, TargetAccount]
"""Bridged accounts, by the texts of the ids they stand for."""


async def look_of_page(
    faces: Faces, bridging: Bridging, wishes: Wishes, page: PlanPage
) -> tuple[PlanPage, dict[str, Face]]:
    """Returns the page with the copies that the bridge keeps; and the faces that are known in time, by the texts of ids."""
    shown = [row.account for row in page.rows if row.account is not None]
    (copies, of_copies), on_bluesky, on_mastodon = await asyncio.gather(
        _copies(faces, bridging, wishes, may_be_bridged_on(page)),
        faces.of(Network.BLUESKY, _on(Network.BLUESKY, shown)),
        faces.of(Network.MASTODON, _on(Network.MASTODON, shown)),
    )
    known = on_bluesky | on_mastodon
    offered = {key: each for key, each in copies.items() if key not in known or not known[key].profile.reason}
    return with_bridged(page, offered), of_copies | known


async def _copies(
    faces: Faces, bridging: Bridging, wishes: Wishes, people: Sequence[TargetAccount]
) -> tuple[Copies, dict[str, Face]]:
    """Returns the copies of people, and the faces of those copies by the ids of the people."""
    clock = asyncio.get_running_loop()
    until = clock.time() + WAIT_S
    copies = open_ones(wishes, await bridging.of(people))
    there = _on(Network.BLUESKY, list(copies.values()))
    found = await faces.of(Network.BLUESKY, there, wait_s=max(until - clock.time(), 0.0))
    return copies, {key: found[str(each.id)] for key, each in copies.items() if str(each.id) in found}


def _on(network: Network, accounts: Sequence[TargetAccount]) -> list[TargetAccount]:
    return [each for each in accounts if each.network.target is network]
