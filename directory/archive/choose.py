"""Chooses the files to read among all that were found."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from directory.archive.files import Kind, Member
from directory.archive.limits import MAX_MEMBERS
from directory.archive.problems import ArchiveError, ArchiveProblem


@dataclass(frozen=True, slots=True)
class Choice:
    """The files to read, in reading order; `conflict` says why they cannot be of one archive."""

    members: list[Member]
    left_out: list[str]
    conflict: ArchiveError | None


def choose_members(found: Iterable[Member]) -> Choice:
    """Chooses the files to read. Raises ArchiveError where they are too many.

    In each ZIP, and among the loose files, folders named `data` come before others. Lists of several places are read
    together as long as none is there twice; the same file in two ZIPs, or in a ZIP and beside it, is read once.
    """
    found = list(found)
    with_data = {member.place.source for member in found if member.is_list and member.place.is_data}
    taken = [member for member in found if member.place.source not in with_data or member.place.is_data]
    left_out = [member.name for member in found if member.is_list and member not in taken]
    firsts: dict[tuple[Kind, int], Member] = {}
    members: list[Member] = []
    conflicts: list[ArchiveError] = []
    for member in taken:
        first = firsts.setdefault((member.kind, member.part), member) if member.is_list else member
        if first is member:
            members.append(member)
        elif not conflicts:
            conflicts.extend(_conflict(first, member))
    if len(members) > MAX_MEMBERS:
        raise ArchiveError(ArchiveProblem.ZIP_TOO_MANY_FILES, members[0].name)
    order = list(Kind)
    members.sort(key=lambda member: (order.index(member.kind), member.part))
    return Choice(members, left_out, conflicts[0] if conflicts else None)


def _conflict(first: Member, second: Member) -> Iterator[ArchiveError]:
    if first.place == second.place:
        yield ArchiveError(ArchiveProblem.SAME_FILE_TWICE, second.name)
    elif first.place.source == second.place.source or first.fingerprint() != second.fingerprint():
        yield ArchiveError(ArchiveProblem.SEVERAL_ARCHIVES, second.name)
