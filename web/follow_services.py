"""The services behind the pages that plan and show runs of follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from directory.follows.progress import Progress
from directory.follows.runs import Item, Plan, Run, Source
from directory.services.faces import Faces
from directory.services.planning import Planning


class Following(Protocol):
    """The engine of runs, as the pages need it. Each act is of one member's run: of another's nothing is told."""

    async def start(
        self, member: UUID, account: UUID, plan: Plan, *, source: Source, starts_at: datetime | None
    ) -> Run:
        """Starts a run at that time, or now. Raises RunUnderWay, MemberGone, UnknownAccount."""
        ...

    async def pause(self, member: UUID, run: UUID) -> bool:
        """Returns False where the run cannot be paused (any more), as for the others."""
        ...

    async def resume(self, member: UUID, run: UUID) -> bool: ...
    async def cancel(self, member: UUID, run: UUID) -> bool: ...
    async def retry_failed(self, member: UUID, run: UUID) -> bool: ...
    async def undo(self, member: UUID, run: UUID) -> bool: ...

    async def go_on_with(self, member: UUID, account: UUID) -> bool:
        """Lets the run of an account go on that waited for a permission, which is there now."""
        ...

    async def list_of(self, member: UUID) -> Sequence[Run]:
        """Lists a member's runs, the newest first."""
        ...

    async def progress(self, member: UUID, run: UUID) -> Progress | None:
        """Returns how far a run is. None where the member has no such run."""
        ...

    async def items(self, member: UUID, run: UUID, after: int) -> Sequence[Item]:
        """Returns the next people of a run behind a number."""
        ...


@dataclass(frozen=True, slots=True)
class FollowServices:
    """Shared by all requests of a process."""

    following: Following
    planning: Planning
    faces: Faces
