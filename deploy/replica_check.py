"""What `passerelle doctor` says of the replicas that answers are read from."""

import asyncio
from math import inf
from typing import Final

from deploy.findings import Finding
from deploy.wiring.instance import build_replicas
from directory.settings import Settings
from directory.store.primary import PrimaryWatch
from directory.store.replicas import MENDS, Replica, ReplicaState

PATIENCE_S: Final = 3.0
LOOK_EVERY_S: Final = 0.05


async def look_at_replicas(settings: Settings, dsn: str) -> list[Finding]:
    """Looks at the replicas as a process does that reads from them, for a moment."""
    primary = PrimaryWatch(dsn)
    replicas = build_replicas(settings, primary)
    for replica in replicas:
        replica.tell_after_s = inf  # here alone, not in a log
    watches = (primary, *replicas)
    for watch in watches:
        watch.start()
    try:
        await _settle(replicas)
        return [_finding(replica) for replica in replicas]
    finally:
        for watch in watches:
            await watch.close()


async def _settle(replicas: list[Replica]) -> None:
    """Waits until each is used, or the time is over."""
    until = asyncio.get_running_loop().time() + PATIENCE_S
    while asyncio.get_running_loop().time() < until:
        if all(replica.state is ReplicaState.USED for replica in replicas):
            return
        await asyncio.sleep(LOOK_EVERY_S)


def _finding(replica: Replica) -> Finding:
    state, age = replica.state, replica.age_s
    behind = "" if age is None else f", {age:.1f} s behind at most"
    seen = f"{replica.name}{behind}: answers are read there"
    if state is not ReplicaState.USED:
        seen = f"{replica.name} is not asked{behind}: {replica.reason}"
    return Finding("Replica", state is ReplicaState.USED, seen, MENDS.get(state, ""))
