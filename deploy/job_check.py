"""Checks for `passerelle doctor` whether the jobs that members wait for are done."""

from datetime import UTC, datetime, timedelta
from typing import Final

from deploy.findings import Finding
from directory.store.database import Connection
from directory.store.job_counts import fetch_due_counts

NAME: Final = "Jobs"
LATE_AFTER: Final = timedelta(hours=1)
"""Jobs that run take up what is due within seconds, or minutes where much is due at once."""
MEND: Final = 'Start a process whose PASSERELLE_ROLES name `worker`, or read its log; see docs/operations.md, "The jobs".'


async def look_at_jobs(connection: Connection) -> Finding:
    """Counts what is due, by kind, and since when. Changes nothing."""
    now = datetime.now(UTC)
    counts = await fetch_due_counts(connection, now)
    waiting = {kind: count.waiting for kind, count in counts.items() if count.waiting}
    held_back = sum(count.held_back for count in counts.values())
    left_alone = f"; {held_back:,} more wait for a host that fails" if held_back else ""
    if not waiting:
        return Finding(NAME, True, f"nothing waits{left_alone}")
    oldest = now - min(count.oldest for count in counts.values() if count.oldest is not None)
    shown = ", ".join(f"{count:,} {kind}" for kind, count in waiting.items())
    minutes = int(oldest.total_seconds() // 60)
    seen = f"waiting: {shown}; the oldest for {minutes:,} min{left_alone}"
    return Finding(NAME, oldest < LATE_AFTER, seen, MEND)
