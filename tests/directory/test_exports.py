"""What somebody takes along: a file that Mastodon imports, and all of it as JSON."""

import csv
import io
import json
import zipfile
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.choosing import Chosen
from directory.doubts import Doubt
from directory.exports import (
    MASTODON_CSV_HEADER,
    MASTODON_CSV_MAX_ROWS,
    MASTODON_IMPORT_MAX_ROWS,
    SurestFirst,
    accounts_json,
    bluesky_handles,
    list_file,
    mastodon_accounts,
    mastodon_csv,
    mastodon_file,
    number_of_files,
)
from directory.identifiers import NO_HANDLE, XHandle, XId
from directory.mappings import Mapping, Strength
from directory.queries import Lists, Query
from directory.ranking import Answer, MatchedBy
from tests.harness.mappings import OTHER_ORIGIN, bluesky, did, mastodon
from tests.harness.ranking import rank


def answers(*mappings: Mapping) -> list[Chosen]:
    return [
        Chosen(Query(x_handle=XHandle(handle)), answer)
        for handle in dict.fromkeys(str(mapping.x_handle) for mapping in mappings)
        for answer in rank(
            Query(x_handle=XHandle(handle)), [m for m in mappings if str(m.x_handle) == handle]
        ).answers
    ]


def test_the_file_is_what_mastodon_imports() -> None:
    text = mastodon_csv(mastodon_accounts(answers(mastodon("Jack", 12), mastodon("nina"))))
    assert text == (
        "Account address,Show boosts,Notify on new posts,Languages\n"
        "Jack@social.example,true,false,\n"
        "nina@social.example,true,false,\n"
    )


def test_accounts_without_a_handle_are_listed_by_their_ids() -> None:
    """They share one word for no handle: a list of handles would hold one of them, and lead nowhere."""
    nameless = [
        msgspec.structs.replace(bluesky(name, 12), target_handle=NO_HANDLE) for name in ("ann", "bob")
    ]
    assert bluesky_handles(answers(*nameless)) == [str(did("ann")), str(did("bob"))]


def test_nobody_chosen_is_a_file_with_its_header_alone() -> None:
    assert mastodon_csv([]) == ",".join(MASTODON_CSV_HEADER) + "\n"
    assert json.loads(accounts_json([])) == []


def test_an_account_named_twice_is_one_row() -> None:
    """Two X accounts of one person, or one person on two lists."""
    twice = answers(mastodon("jack", 12, target="same"), mastodon("jack_work", 13, target="same"))
    assert len(twice) == 2
    assert mastodon_accounts(twice) == ["same@social.example"]


def test_other_networks_and_disputes_are_left_out_of_the_file() -> None:
    torn = answers(mastodon("torn", 1, target="a"), mastodon("torn", 1, target="b", origin=OTHER_ORIGIN))
    assert [each.answer.disputed for each in torn] == [True, True]
    assert mastodon_accounts([*torn, *answers(bluesky("jack", 12))]) == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(Strength), st.booleans()), max_size=12))
def test_the_surest_answer_of_each_address_counts(found: list[tuple[str, Strength, bool]]) -> None:
    """In the order of who is surest, and of the list among equals."""
    chosen = [
        Chosen(
            Query(XId(number)),
            Answer(
                msgspec.structs.replace(
                    mastodon(f"n{number}", number, target=name, strength=strength), leaf=number
                ),
                MatchedBy.ID,
                disputed=False,
                name_doubt=Doubt.STALE if in_doubt else None,
            ),
        )
        for number, (name, strength, in_doubt) in enumerate(found, start=1)
    ]
    answers = [each.answer for each in chosen]
    in_order = sorted(answers, key=lambda each: (each.may_follow, each.mapping.strength), reverse=True)
    first: dict[str, Answer] = {}
    for answer in in_order:
        first.setdefault(str(answer.mapping.target_handle), answer)
    assert mastodon_accounts(chosen) == list(first)
    kept = SurestFirst[int | None]()
    for answer in answers:
        kept.add(str(answer.mapping.target_handle), answer, lambda each: each.mapping.leaf)
    assert kept.in_order() == [answer.mapping.leaf for answer in first.values()]


@pytest.mark.parametrize("lists", [Lists(value) for value in range(16)])
def test_nobody_blocked_or_muted_is_in_a_file(lists: Lists) -> None:
    """A file of people to follow held somebody who was blocked, whoever chose them: they were followed, and told so."""
    (answer,) = rank(Query(XId(12), lists=lists), [mastodon("jack", 12)]).answers
    chosen = [Chosen(Query(XId(12), lists=lists), answer)]
    in_file = {"jack@social.example"} - (
        {"jack@social.example"} if lists & (Lists.BLOCK | Lists.MUTE) else set()
    )
    assert set(mastodon_accounts(chosen)) == in_file
    accounts = json.loads(accounts_json(chosen))
    assert {account["handle"] for account in accounts} == in_file
    assert all(account["lists"] == list(lists.words) for account in accounts)


@pytest.mark.parametrize("count", [1, MASTODON_CSV_MAX_ROWS])
def test_what_mastodon_takes_at_once_is_one_csv(count: int) -> None:
    accounts = [f"p{number}@social.example" for number in range(count)]
    assert number_of_files(len(accounts)) == 1
    file = mastodon_file(accounts)
    assert (file.name, file.media_type) == ("passerelle-mastodon.csv", "text/csv")
    assert file.content.decode() == mastodon_csv(accounts)


def test_more_than_mastodon_takes_are_several_files_in_a_zip() -> None:
    """A longer file is refused there as a whole, so nobody in it would be followed."""
    accounts = [f"p{number}@social.example" for number in range(2 * MASTODON_CSV_MAX_ROWS + 1)]
    assert number_of_files(len(accounts)) == 3
    file = mastodon_file(accounts)
    assert (file.name, file.media_type) == ("passerelle-mastodon.zip", "application/zip")
    with zipfile.ZipFile(io.BytesIO(file.content)) as packed:
        assert packed.namelist() == [f"passerelle-mastodon-{number}-of-3.csv" for number in (1, 2, 3)]
        parts = [list(csv.reader(io.StringIO(packed.read(name).decode()))) for name in packed.namelist()]
    assert all(tuple(part[0]) == MASTODON_CSV_HEADER for part in parts)
    assert all(len(part) - 1 <= MASTODON_CSV_MAX_ROWS for part in parts)
    assert [row[0] for part in parts for row in part[1:]] == accounts


@pytest.mark.parametrize("listed", [Lists.BLOCK, Lists.MUTE])
def test_nobody_is_left_out_of_a_long_list_of_blocks_or_mutes(listed: Lists) -> None:
    """The button named the number of all of them, and the file ended at 20,000."""
    accounts = [f"p{number}@social.example" for number in range(MASTODON_IMPORT_MAX_ROWS + 1)]
    file = list_file(accounts, listed)
    assert file.media_type == "application/zip"
    with zipfile.ZipFile(io.BytesIO(file.content)) as packed:
        parts = [list(csv.reader(io.StringIO(packed.read(name).decode()))) for name in packed.namelist()]
    assert [len(part) - 1 for part in parts] == [MASTODON_IMPORT_MAX_ROWS, 1]
    assert all(part[0][0] == "Account address" for part in parts)
    assert [row[0] for part in parts for row in part[1:]] == accounts
    assert list_file(accounts[1:], listed).media_type == "text/csv"


def test_json_holds_what_is_known_of_each() -> None:
    (account,) = json.loads(accounts_json(answers(bluesky("Jack", 12))))
    assert account == {
        "x_id": "12",
        "x_handle": "Jack",
        "network": "bluesky",
        "id": str(did("Jack")),
        "handle": "jack.bsky.example",
        "profile": f"https://bsky.app/profile/{did('Jack')}",
        "strength": "bound",
        "matched_by": "handle",
        "origin": "one.example/log",
        "lists": [],
    }


def test_ids_are_texts_in_json() -> None:
    """A number over 2^53 would lose its last digits in JavaScript, and mean somebody else."""
    (account,) = json.loads(accounts_json(answers(bluesky("jack", 2**63 - 1))))
    assert account["x_id"] == "9223372036854775807"
    (unknown,) = json.loads(accounts_json(answers(bluesky("jack"))))
    assert unknown["x_id"] is None


users = st.from_regex(r"[A-Za-z0-9]{1,15}", fullmatch=True)


@given(
    st.lists(st.tuples(st.sampled_from([bluesky, mastodon]), users, st.sampled_from(Strength)), max_size=20)
)
def test_both_files_can_be_read_back(people: list[tuple[Any, str, Strength]]) -> None:
    chosen = [
        Chosen(
            Query(XId(number)), Answer(make(name, number, strength=strength), MatchedBy.ID, disputed=False)
        )
        for number, (make, name, strength) in enumerate(people, start=1)
    ]
    header, *rows = csv.reader(io.StringIO(mastodon_csv(mastodon_accounts(chosen))))
    assert tuple(header) == MASTODON_CSV_HEADER
    found = [each.answer for each in chosen if each.answer.mapping.network == "mastodon"]
    assert {row[0] for row in rows} == {str(answer.mapping.target_handle) for answer in found}
    assert len({row[0] for row in rows}) == len(rows)
    sureness: dict[str, tuple[bool, Strength]] = {}
    for answer in found:
        name = str(answer.mapping.target_handle)
        sureness[name] = max(
            sureness.get(name, (False, Strength.IMPORTED)), (answer.may_follow, answer.mapping.strength)
        )
    surest_first = [sureness[row[0]] for row in rows]
    assert surest_first == sorted(surest_first, reverse=True)
    assert all(row[1:] == ["true", "false", ""] for row in rows)
    read = json.loads(accounts_json(chosen))
    assert [XId.parse(account["x_id"]).value for account in read] == list(range(1, len(people) + 1))


def test_no_file_is_longer_than_what_a_new_account_may_follow() -> None:
    """Fault: files of matches had up to 20,000 rows, which Mastodon reads at most; but whoever follows fewer than 7,500 people
    there may follow no more, and its import refused such a file whole."""
    file = mastodon_file([f"p{number}@social.example" for number in range(7_501)])
    with zipfile.ZipFile(io.BytesIO(file.content)) as packed:
        parts = [list(csv.reader(io.StringIO(packed.read(name).decode()))) for name in packed.namelist()]
    assert [len(part) - 1 for part in parts] == [7_500, 1]
