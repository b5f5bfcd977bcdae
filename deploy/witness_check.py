"""Checks for `passerelle doctor` how peers cosign our log, how we cosign theirs, and whether a fork is known."""

from datetime import datetime
from typing import Final

from deploy.findings import Finding
from directory.settings import Settings
from directory.store.database import Connection
from federation.keys.instance import log_origin
from federation.own_log.preconditions import MAX_CLOCK_STEP
from federation.store.peer_evidence import list_forks, list_frozen
from federation.store.witness_rounds import WitnessState, fetch_witness_states
from federation.store.witnessed import find_newest_time

WITNESSES: Final = "Witnesses"
CLOCK: Final = "Witness clock"
FORKS: Final = "Forks"
READ_MORE: Final = 'docs/operations.md, "A peer that is frozen"'


async def look_at_witnesses(settings: Settings, connection: Connection, now: datetime) -> list[Finding]:
    """Reports the witnesses of our log and, where there is something to do, our own and the forks. Changes nothing."""
    found = [_tell_witnesses(await fetch_witness_states(connection), now)]
    found += await _look_at_clock(connection, now)
    found += await _look_at_forks(settings, connection)
    return found


def _tell_witnesses(states: list[WitnessState], now: datetime) -> Finding:
    if not states:
        return Finding(WITNESSES, True, "none: there are no peers yet that could cosign this log")
    recent = [state for state in states if state.is_recent(now)]
    faults = [f"{state.origin}: {state.fault}" for state in states if state.fault]
    seen = f"{len(recent):,} of {len(states):,} peers have cosigned this log in the last 30 minutes"
    mend = f"{faults[0]}." if faults else "Start a process whose PASSERELLE_ROLES name `worker`."
    return Finding(WITNESSES, bool(recent), seen, mend)


async def _look_at_clock(connection: Connection, now: datetime) -> list[Finding]:
    newest = await find_newest_time(connection)
    if newest is None or newest <= now + MAX_CLOCK_STEP:
        return []
    seen = f"a peer's log was cosigned at {newest:%Y-%m-%d %H:%M} UTC, which is still to come: none is cosigned until then"
    mend = "Set the clock of this machine; if it is right now, and ran ahead then, run `passerelle recover --clock`."
    return [Finding(CLOCK, False, seen, mend)]


async def _look_at_forks(settings: Settings, connection: Connection) -> list[Finding]:
    own = log_origin(settings)
    about_us = [kept for kept in await list_forks(connection, own) if not kept.fork.explained]
    found = [
        Finding(FORKS, False, f"{origin} has signed two trees, and is frozen", _ask_about(origin))
        for origin in await list_frozen(connection)
    ]
    if about_us:
        first = about_us[0]
        seen = f"{first.fork.told_by} has proof that this instance has signed two trees"
        found.append(Finding(FORKS, False, seen, _ask_about(own)))
    return found


def _ask_about(origin: str) -> str:
    return f"Run `passerelle peers evidence {origin}`, and read {READ_MORE}."
