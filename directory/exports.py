"""Exports the chosen accounts in the formats that other programs import. Whoever is blocked or muted is in none but the files
of those."""

import csv
import io
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final, Generic, TypeVar

import msgspec

from directory.choosing import Chosen
from directory.mappings import Network, Strength
from directory.profile_pages import called, profile_url
from directory.queries import Lists
from directory.ranking import Answer, Match

T = TypeVar("T")

MASTODON_CSV_HEADER: Final = ("Account address", "Show boosts", "Notify on new posts", "Languages")
MASTODON_CSV_MAX_ROWS: Final = 7_500
"""Mastodon lets an account follow so many, and then 1.1 times as many as follow it. It refuses a file as a whole whose
rows exceed what is left of that."""
MASTODON_IMPORT_MAX_ROWS: Final = 20_000
"""Mastodon refuses more rows of any list; a second file adds to what is there."""
_LIST_HEADERS: Final = {
    Lists.BLOCK: ("blocked", ("Account address",)),
    Lists.MUTE: ("muted", ("Account address", "Hide notifications")),
}


class ExportedFile(msgspec.Struct, frozen=True):
    """A file to be downloaded."""

    name: str
    media_type: str
    content: bytes


class ExportedAccount(msgspec.Struct, frozen=True):
    """One chosen account, and the lists on which the person stands."""

    x_id: str | None
    x_handle: str
    network: Network
    id: str
    handle: str
    profile: str
    """The address of the account's page, where one can follow it."""
    strength: str
    matched_by: str
    origin: str
    lists: tuple[str, ...]


class SurestFirst(Generic[T]):
    """Keeps one thing for each name, as it comes: of several that of the surest answer. No answer is held."""

    def __init__(self) -> None:
        self._of_sureness: defaultdict[tuple[bool, Strength], dict[str, T]] = defaultdict(dict)

    def add(self, name: str, answer: Answer, make: Callable[[Answer], T]) -> None:
        """Takes an answer under a name. What is kept of it is made where it is the first of its name that is as sure."""
        same = self._of_sureness[answer.may_follow, answer.mapping.strength]
        if name not in same:
            same[name] = make(answer)

    def in_order(self) -> list[T]:
        """Returns what was kept, of the surest answer first, and of equally sure ones in the order in which they came."""
        first: dict[str, T] = {}
        for _, same in sorted(self._of_sureness.items(), key=lambda each: each[0], reverse=True):
            for name, thing in same.items():
                first.setdefault(name, thing)
        return list(first.values())


def mastodon_accounts(chosen: Iterable[Chosen]) -> list[str]:
    """Lists the addresses that Mastodon's import can follow, each once and the surest first; left out are disputed
    ones, and people who are blocked or muted."""
    return _addresses(
        each.answer
        for each in chosen
        if each.answer.mapping.network is Network.MASTODON and each.may_be_followed
    )


def bluesky_handles(chosen: Iterable[Chosen]) -> list[str]:
    """Lists the handles on Bluesky, each once and the surest first; whoever `mastodon_accounts` would leave out is left
    out."""
    return _addresses(
        each.answer
        for each in chosen
        if each.answer.mapping.network is Network.BLUESKY and each.may_be_followed
    )


def listed_accounts(matches: Iterable[Match], listed: Lists) -> list[str]:
    """Lists the addresses on Mastodon of the people on one list of X's, each once and the surest first.

    Only sure ones: nobody is to block or mute a stranger.
    """
    return _addresses(
        answer
        for match in matches
        if match.query.lists & listed
        for answer in match.answers
        if may_be_listed(answer)
    )


def may_be_listed(answer: Answer) -> bool:
    """Returns whether an answer may stand in a file of people to block or mute: only where it is sure."""
    return answer.mapping.network is Network.MASTODON and answer.may_follow


def _addresses(answers: Iterable[Answer]) -> list[str]:
    found = SurestFirst[str]()
    for answer in answers:
        found.add(address_of(answer), answer, address_of)
    return found.in_order()


def address_of(answer: Answer) -> str:
    return called(answer.mapping.target_id, answer.mapping.target_handle)


def mastodon_csv(accounts: Iterable[str]) -> str:
    """Makes the follows file of Mastodon's "Import and export": one row an account, boosts shown."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(MASTODON_CSV_HEADER)
    writer.writerows((account, "true", "false", "") for account in accounts)
    return text.getvalue()


def number_of_files(accounts: int, most: int = MASTODON_CSV_MAX_ROWS) -> int:
    """Counts the files that Mastodon needs for so many accounts, of which it takes at `most` so many at once."""
    return -(-accounts // most)


def mastodon_file(accounts: Sequence[str], name: str = "passerelle-mastodon") -> ExportedFile:
    """Makes one CSV, or several numbered ones in a ZIP where Mastodon would refuse the length of one. `name` is without its
    ending.

    All in one download: answers can change between two, and an account would be in neither file.
    """
    return _in_files(accounts, MASTODON_CSV_MAX_ROWS, name, mastodon_csv)


def _in_files(
    accounts: Sequence[str], most: int, name: str, write: Callable[[Sequence[str]], str]
) -> ExportedFile:
    files = number_of_files(len(accounts), most)
    if files <= 1:
        return ExportedFile(f"{name}.csv", "text/csv", write(accounts).encode())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(1, files + 1):
            rows = accounts[(number - 1) * most : number * most]
            archive.writestr(f"{name}-{number}-of-{files}.csv", write(rows))
    return ExportedFile(f"{name}.zip", "application/zip", packed.getvalue())


def address_lines(accounts: Iterable[str], network: Network = Network.MASTODON) -> ExportedFile:
    """Makes a text of one address (on Bluesky, one handle) a line, for programs and people that want no more."""
    text = "".join(f"{account}\n" for account in accounts)
    return ExportedFile(f"passerelle-{network.value}.txt", "text/plain", text.encode())


def list_file(accounts: Sequence[str], listed: Lists) -> ExportedFile:
    """Makes the file of Mastodon's import for people who are blocked or muted; several as `mastodon_file` does."""
    name = f"passerelle-mastodon-{_LIST_HEADERS[listed][0]}"
    return _in_files(accounts, MASTODON_IMPORT_MAX_ROWS, name, partial(list_csv, listed=listed))


def list_csv(accounts: Iterable[str], listed: Lists) -> str:
    """Makes the text of such a file."""
    _, header = _LIST_HEADERS[listed]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    fixed = ("true",) * (len(header) - 1)
    writer.writerows((account, *fixed) for account in accounts)
    return text.getvalue()


NO_ACCOUNTS_JSON: Final = b"[]"


def accounts_json(chosen: Iterable[Chosen]) -> bytes:
    """Encodes the chosen accounts as a JSON array of `ExportedAccount`, without those that `mastodon_accounts` leaves
    out."""
    accounts = io.BytesIO()
    for each in chosen:
        if each.may_be_followed:
            accounts.write(b"," if accounts.tell() else b"[")
            accounts.write(msgspec.json.encode(_exported(each)))
    if not accounts.tell():
        return NO_ACCOUNTS_JSON
    accounts.write(b"]")
    return msgspec.json.format(accounts.getvalue(), indent=1)


def _exported(chosen: Chosen) -> ExportedAccount:
    mapping = chosen.answer.mapping
    return ExportedAccount(
        str(mapping.x_id) if mapping.x_id is not None else None,
        str(mapping.x_handle),
        mapping.network,
        str(mapping.target_id),
        str(mapping.target_handle),
        profile_url(mapping.target_id),
        mapping.strength.label,
        chosen.answer.matched_by.value,
        mapping.origin,
        chosen.query.lists.words,
    )
