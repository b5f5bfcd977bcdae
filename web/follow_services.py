"""The services behind the pages that plan and show runs of follows."""

from dataclasses import dataclass

from directory.services.bridging import Bridging
from directory.services.faces import Faces
from directory.services.following import Following
from directory.services.planning import Planning


@dataclass(frozen=True, slots=True)
class FollowServices:
    """Shared by all requests of a process."""

    is_on: bool
    """False where the operators let nobody be followed: then nothing is planned. What was begun can be seen, ended and undone."""

    following: Following
    planning: Planning
    faces: Faces
    bridging: Bridging
