"""Reads the people on the lists of an X archive, once, as a stream."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from directory.archive.about import Owner, read_account, read_manifest
from directory.archive.choose import Choice
from directory.archive.files import LIST_OF_KIND, Kind, Member, Place
from directory.archive.json_stream import json_events, json_of_config, json_of_list
from directory.archive.limits import ReadLimits
from directory.archive.mentions import MentionReader
from directory.archive.names import Names
from directory.archive.notices import Notice
from directory.archive.problems import ArchiveError, ArchiveProblem, shown_name
from directory.archive.rows import RowReader
from directory.archive.sources import Source, choose_from, name_of
from directory.identifiers import XId
from directory.queries import Lists, Query
from directory.texts import Bare, Values

Progress = Callable[[int, int], None]
"""Takes the bytes read so far and all bytes to read, in sizes at the source."""

_ROW_KEY: Final = {
    Kind.FOLLOWING: "following",
    Kind.FOLLOWER: "follower",
    Kind.BLOCK: "blocking",
    Kind.MUTE: "muting",
}
_PREFIX_WORDS: Final = {kind: frozenset({kind.value}) for kind in Kind} | {
    Kind.TWEETS: frozenset({"tweets", "tweet"})
}
MAX_NAMES_TOLD: Final = 5
"""Names of files in one sentence."""
_LISTS: Final = [Lists(value) for value in range(16)]


@dataclass(frozen=True, slots=True)
class Skipped:
    """Counts of what was found and not read."""

    repeated_rows: int = 0
    """Rows that repeat a person on one list."""
    mentions: int = 0
    """Mentions without a readable account."""
    rows: int = 0
    """Rows of lists that could not be read."""


@dataclass(frozen=True, slots=True)
class Archive:
    """The people on the lists of an archive, each once; those whom its owner follows come first."""

    owner: Owner | None
    people: list[Query]
    notices: frozenset[Notice]
    skipped: Skipped
    left_out: tuple[str, ...] = ()
    """The names of files that were given and hold no list, or a second copy of one."""

    @property
    def notice_values(self) -> Values:
        """The values that the sentences of notices name."""
        told = (*self.left_out[:MAX_NAMES_TOLD], *(["…"] if len(self.left_out) > MAX_NAMES_TOLD else []))
        return {"rows": Bare(self.skipped.rows), "files": told}


def read_archive(
    source: Source, *, limits: ReadLimits | None = None, on_progress: Progress | None = None
) -> Archive:
    """Reads ZIPs, folders and loose files of one account. An archive without people is no error.

    Raises ArchiveError, and what `on_progress` raises; nothing else.
    """
    limits = limits or ReadLimits()
    with ExitStack() as stack:
        try:
            choice = choose_from(source, stack, max_zip_entries=limits.zip_entries)
        except OSError as error:
            raise ArchiveError(ArchiveProblem.UNREADABLE, name_of(source)) from error
        return _Reading(choice, limits, on_progress).run()


class _Reading:
    """One pass over the members of an archive."""

    def __init__(self, choice: Choice, limits: ReadLimits, on_progress: Progress | None) -> None:
        self._choice = choice
        self._members = choice.members
        self._limits = limits
        self._meter = _Meter(sum(member.stored_bytes for member in self._members), on_progress)
        self._bytes_left = {kind: _max_bytes(kind, limits) for kind in Kind}
        self._owners: dict[Place, Owner] = {}
        """By the place of the file that names them; account.js comes before manifest.js."""
        self._promised: dict[Kind, int] = {}
        self._rows: dict[Kind, int] = {}
        self._lists_of: dict[int, int] = {}
        self._names = Names(self._lists_of)
        self._told: set[Notice] = set()
        self._repeated = 0
        self._bad_rows = 0
        self._skipped_mentions = 0

    def run(self) -> Archive:
        for member in self._members:
            if member.is_list:
                self._check_owners()
                self._take_list(member)
            elif member.kind is not Kind.TWEETS:
                self._try(Notice.ABOUT_UNREAD, self._take_about, member)
            elif self._lists_of:
                self._try(Notice.NAMES_UNREAD, self._take_names, member)
        self._meter.finish()
        return Archive(
            next(iter(self._owners.values()), None),
            [self._query(x_id, lists) for x_id, lists in self._lists_of.items()],
            frozenset([*self._told, *self._notices()]),
            Skipped(self._repeated, self._skipped_mentions, self._bad_rows),
            tuple(map(shown_name, self._choice.left_out)),
        )

    def _try(self, notice: Notice, take: Callable[[Member], None], member: Member) -> None:
        """Takes a file that helps; without it, the lists are the same."""
        try:
            take(member)
        except ArchiveError:
            self._told.add(notice)

    def _take_about(self, member: Member) -> None:
        if member.kind is Kind.ACCOUNT:
            owner = read_account(self._json(member), member.name)
        else:
            manifest = read_manifest(json_of_config(self._chunks(member), member.name), member.name)
            owner = manifest.owner
            for kind, rows in manifest.rows.items():
                self._promised[kind] = max(self._promised.get(kind, 0), rows)
            if manifest.is_partial:
                self._told.add(Notice.PARTIAL_ARCHIVE)
        if owner is not None:
            self._owners.setdefault(member.place, owner)

    def _check_owners(self) -> None:
        """Raises ArchiveError where the files are of two accounts, or of two archives."""
        owners = list({owner.x_id: owner for owner in self._owners.values()}.values())
        if len(owners) > 1:
            raise ArchiveError(ArchiveProblem.TWO_ACCOUNTS, ", ".join(map(str, owners[:2])))
        if self._choice.conflict is not None:
            raise self._choice.conflict

    def _notices(self) -> Iterator[Notice]:
        kinds = {member.kind for member in self._members}
        if not self._lists_of:
            yield Notice.NOBODY
        elif Kind.FOLLOWING not in kinds:
            yield Notice.FOLLOWING_MISSING
        elif not self._rows[Kind.FOLLOWING]:
            yield Notice.ZERO_FOLLOWS
        elif not {Kind.BLOCK, Kind.MUTE} <= kinds:
            yield Notice.REFUSED_MISSING
        if any(promised > self._rows.get(kind, 0) for kind, promised in self._promised.items()):
            yield Notice.PARTS_MISSING
        if self._bad_rows:
            yield Notice.ROWS_UNREAD
        if self._choice.left_out:
            yield Notice.LEFT_OUT
        if self._lists_of and Kind.TWEETS not in kinds:
            yield Notice.NAMES_MISSING

    def _take_list(self, member: Member) -> None:
        flag = LIST_OF_KIND[member.kind].value
        rows = self._rows.get(member.kind, 0)
        people = self._lists_of
        reader = RowReader(_ROW_KEY[member.kind], member.name)
        for x_id in reader.read(self._json(member)):
            rows += 1
            lists = people.get(x_id, 0)
            self._repeated += bool(lists & flag)
            people[x_id] = lists | flag
            if rows > self._limits.rows_per_list or len(people) > self._limits.people:
                raise ArchiveError(ArchiveProblem.TOO_MANY_ROWS, member.name)
        self._rows[member.kind] = rows + reader.bad_rows
        self._bad_rows += reader.bad_rows

    def _take_names(self, member: Member) -> None:
        reader = MentionReader(member.name)
        try:
            for mention in reader.read(json_events(self._json(member), member.name)):
                self._names.see(mention)
        finally:
            self._skipped_mentions += reader.skipped

    def _query(self, x_id: int, lists: int) -> Query:
        handle, seen = self._names.name_of(x_id)
        return Query(XId(x_id), handle, _LISTS[lists], seen)

    def _json(self, member: Member) -> Iterator[bytes]:
        return json_of_list(self._chunks(member), _PREFIX_WORDS[member.kind], member.name)

    def _chunks(self, member: Member) -> Iterator[bytes]:
        """Yields the bytes of a member, counted against the limit of its kind with all its parts."""
        for chunk in _guarded(member.open(self._meter.count), member.name):
            self._bytes_left[member.kind] -= len(chunk)
            if self._bytes_left[member.kind] < 0:
                raise ArchiveError(ArchiveProblem.TOO_LARGE, member.name)
            self._meter.tell()
            yield chunk


def _guarded(chunks: Iterator[bytes], file: str) -> Iterator[bytes]:
    try:
        yield from chunks
    except OSError as error:
        raise ArchiveError(ArchiveProblem.UNREADABLE, file) from error


def _max_bytes(kind: Kind, limits: ReadLimits) -> int:
    if kind is Kind.TWEETS:
        return limits.tweets_bytes
    return limits.list_bytes if kind in LIST_OF_KIND else limits.about_bytes


class _Meter:
    """Counts bytes towards a total, which is a claim: the count never exceeds it."""

    def __init__(self, total: int, on_progress: Progress | None) -> None:
        self._total = total
        self._done = 0
        self._on_progress = on_progress

    def count(self, stored_bytes: int) -> None:
        self._done = min(self._done + stored_bytes, self._total)

    def tell(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self._done, self._total)

    def finish(self) -> None:
        self._done = self._total
        self.tell()
