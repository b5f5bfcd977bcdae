"""The files of the results page hold exactly what is ticked, in a form that Mastodon takes."""

import asyncio
import csv
import io
import json
import re
import zipfile
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Final

import httpx
import msgspec
import pytest

from directory.archive import Archive
from directory.archive.reader import Skipped
from directory.choosing import Chosen
from directory.exports import MASTODON_CSV_MAX_ROWS
from directory.identifiers import XId
from directory.queries import Lists, Query
from directory.ranking import Answer, MatchedBy
from tests.harness.clock import START
from tests.harness.instance import RunningInstance, running_instance
from tests.harness.mappings import bluesky, mastodon
from web.pages import links, results, tick_keys, uploads
from web.pages.ticks import account_key

CROWD: Final = MASTODON_CSV_MAX_ROWS + 1


async def fill(instance: RunningInstance) -> None:
    """Adds two people on both networks, one on Bluesky alone, and more on Mastodon than one file takes."""
    pairs = [make(f"both{number}", number) for number in (1, 2) for make in (bluesky, mastodon)]
    crowd = [mastodon(f"m{number}", 100_000 + number) for number in range(CROWD)]
    two_names = [bluesky("liked", 11, target="same"), bluesky("blocked", 12, target="same")]
    await instance.mappings().add([*pairs, bluesky("blue", 3), mastodon("byname"), *crowd, *two_names])


@pytest.fixture(scope="module")
def instance(module_dsn: str) -> Iterator[RunningInstance]:
    with running_instance(module_dsn, fill=fill) as running:
        yield running


def ask(client: httpx.Client, x_ids: Iterable[int], **fields: str) -> httpx.Response:
    """Sends the results form as the page without JavaScript does."""
    pairs = "\n".join(f"{x_id},,f" for x_id in x_ids)
    parts = {name: (None, value) for name, value in ({"pairs": pairs} | fields).items()}
    answer = client.post("/results", files=parts, headers={"accept-language": "en"})
    assert answer.status_code == 200
    return answer


def test_json_is_what_is_chosen_and_nothing_more(client: httpx.Client) -> None:
    """It was called "Download all" and left out whoever was not ticked."""
    page = ask(client, [1, 2, 3]).text
    assert "Download the chosen accounts as JSON" in page
    unticked = {"shown": "1.b 1.m 2.b 2.m 3.b", "tick": "2.m", "do": "json"}
    (account,) = ask(client, [1, 2, 3], **unticked).json()
    assert account["handle"] == "both2@social.example"
    assert len(ask(client, [1, 2, 3], do="json").json()) == 5


def note_threads(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Returns a list that grows with what is handed to a thread."""
    handed_over: list[object] = []
    to_thread = asyncio.to_thread

    def noting(call: Callable[..., object], *arguments: object) -> Awaitable[object]:
        handed_over.append(getattr(call, "func", call))
        return to_thread(call, *arguments)

    monkeypatch.setattr(asyncio, "to_thread", noting)
    return handed_over


@pytest.mark.parametrize(
    ("field", "most"), [("toggled", tick_keys.MAX_KEYS), ("shown", tick_keys.MAX_KEYS_OF_A_PAGE)]
)
def test_more_ticks_than_people_can_have_are_refused(client: httpx.Client, field: str, most: int) -> None:
    """Attack: one form with megabytes of ticks held up everybody else for more than a second."""
    parts = {"pairs": (None, "1,,f"), field: (None, " ".join(map(str, range(most + 1))))}
    answer = client.post("/results", files=parts, headers={"accept-language": "en"})
    assert answer.status_code == 400
    assert "That form cannot be read" in answer.text


def test_few_people_with_many_ticks_are_left_to_a_thread(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed_over = note_threads(monkeypatch)
    keys = sorted(f"{number}.b" for number in range(results.FEW_KEYS + 1))
    page = ask(client, [1, 2, 3], toggled=" ".join(reversed(keys))).text
    assert f'value="{" ".join(keys)}"' in page, "none of them is lost"
    assert {tick_keys.read_ticks, results._answer} <= {*handed_over}


def test_few_people_with_many_accounts_are_left_to_a_thread(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed_over = note_threads(monkeypatch)
    monkeypatch.setattr(results, "FEW_ANSWERS", 5)
    ask(client, [1, 2, 3])
    assert results._answer not in handed_over
    monkeypatch.setattr(results, "FEW_ANSWERS", 4)
    ask(client, [1, 2, 3])
    assert results._answer in handed_over


@pytest.mark.parametrize("action", ["show", "json", "csv"])
def test_a_few_are_shown_and_served_without_a_thread_and_the_same_as_many(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """To hand them to a thread takes half as long as their page."""
    handed_over = note_threads(monkeypatch)
    few = ask(client, [1, 2, 3], do=action)
    assert results._answer not in handed_over
    monkeypatch.setattr(results, "FEW_FOUND", 2)
    many = ask(client, [1, 2, 3], do=action)
    assert results._answer in handed_over
    assert (many.content, many.headers["content-type"]) == (few.content, few.headers["content-type"])


LISTED: Final = "1,,f\n2,,fr\n100001,,r\n100002,,b\n100003,,fm\n100004,,frbm\n100005,,"
WANTED: Final = {"both1@social.example", "both2@social.example", "m5@social.example"}


def handles(answer: httpx.Response) -> set[str]:
    if answer.headers["content-type"].startswith("application/json"):
        return {account["handle"] for account in answer.json() if account["network"] == "mastodon"}
    return {row["Account address"] for row in csv.DictReader(io.StringIO(answer.text))}


@pytest.mark.parametrize("form", ["csv", "json"])
def test_files_hold_people_who_are_followed_alone(client: httpx.Client, form: str) -> None:
    """ "Choose all" and then a download gave a file with people who were blocked, muted or mere followers."""
    assert handles(ask(client, [], pairs=LISTED, do=form)) == WANTED
    everybody = ask(client, [], pairs=LISTED, do="all").text
    toggled = everybody.split('name="toggled" value="')[1].split('"')[0]
    assert handles(ask(client, [], pairs=LISTED, toggled=toggled, do=form)) == WANTED
    targets = {
        number: mastodon(f"m{number - 100_000}", number).target_id for number in range(100_001, 100_005)
    }
    keys = " ".join(f"{number}.m.{account_key(target)}" for number, target in targets.items())
    forged = ask(client, [], pairs=LISTED, toggled=keys, do=form)
    assert handles(forged) == WANTED | {"m1@social.example"}
    ticked = ask(client, [], pairs=LISTED, shown=keys, tick=keys.split()[1], do=form)
    assert handles(ticked) == WANTED


def test_the_page_says_why_somebody_has_no_box(client: httpx.Client) -> None:
    page = ask(client, [], pairs="100001,,r\n100002,,b\n100003,,fm").text
    assert "You blocked this person on X" in page
    assert "You muted this person on X" in page
    assert page.count('type="checkbox"') == 1
    only_refused = ask(client, [], pairs="100002,,b").text
    assert "disabled" in only_refused.split('value="csv"')[1].split("</button>")[0]


def test_an_old_name_is_shown_unticked_with_its_year(client: httpx.Client) -> None:
    """The name was sold since: whoever knew its old bearer was made to follow the new one."""
    page = ask(client, [], pairs=f"7,byname,f,2019-06-01\n8,byname,f,{START.date()}\n9,byname,f\n").text
    old, new, unknown = sorted(page.split("<tr>")[2:], key=lambda row: row.split('value="')[1])
    assert "You saw this name in 2019; it may belong to somebody else now." in " ".join(old.split())
    assert "your list does not say when you saw it" in " ".join(unknown.split())
    assert ["checked" in row.split("aria-label")[0] for row in (old, new, unknown)] == [False, True, False]
    assert f"8,byname,f,{START.date()}" in page


@pytest.mark.parametrize("form", ["csv", "json"])
def test_nobody_chosen_is_a_sentence_and_no_empty_file(client: httpx.Client, form: str) -> None:
    answer = ask(client, [1, 2], shown="1.b 1.m 2.b 2.m", do=form)
    assert "Nobody is chosen for this file yet" in answer.text
    assert "content-disposition" not in answer.headers


def test_a_hint_ticked_by_hand_can_be_downloaded_at_once(client: httpx.Client) -> None:
    """The button was off until the page was asked for again."""
    page = ask(client, [1], shown="1.b 1.m").text
    assert "0 accounts are chosen" in page
    assert "disabled>" not in page.split('value="csv"')[1].split("</button>")[0]
    assert "disabled" in ask(client, [3]).text.split('value="csv"')[1].split("</button>")[0]


def test_a_list_too_long_for_mastodon_comes_in_files_it_takes(client: httpx.Client) -> None:
    """One file of more than 7,500 rows was offered, and Mastodon refuses that as a whole."""
    x_ids = range(100_000, 100_000 + CROWD)
    page = ask(client, x_ids).text
    assert "Download for Mastodon (2 CSV files)" in page
    assert page.count("2 files of at most 7,500 accounts, the surest first") == 1
    assert page.count("Mastodon lets you follow 7,500 accounts in all") == 1
    assert "You get a ZIP" not in ask(client, [1, 2]).text
    answer = ask(client, x_ids, do="csv")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == 'attachment; filename="passerelle-mastodon.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        rows = [
            row
            for name in packed.namelist()
            for row in csv.DictReader(io.StringIO(packed.read(name).decode()))
        ]
    assert len({row["Account address"] for row in rows}) == len(rows) == CROWD


def test_addresses_come_one_a_line(client: httpx.Client) -> None:
    answer = ask(client, [1, 2], do="lines")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.splitlines() == ["both1@social.example", "both2@social.example"]


def test_who_is_on_bluesky_gets_something_of_use(client: httpx.Client) -> None:
    """Whoever was found on Bluesky alone had a JSON without an address in it, and nothing else."""
    page = " ".join(ask(client, [1, 2, 3]).text.split())
    assert "5 accounts are chosen." in page
    for name, holds in {"csv": 2, "lines": 2, "handles": 3, "links": 5, "json": 5}.items():
        button = page.split(f'value="{name}"')[1].split("</button>")[0]
        assert f">{holds} of 5</span>" in button, name
    handles = ask(client, [1, 2, 3], do="handles")
    assert handles.headers["content-disposition"] == 'attachment; filename="passerelle-bluesky.txt"'
    assert handles.text.splitlines() == ["both1.bsky.example", "both2.bsky.example", "blue.bsky.example"]
    profiles = {account["profile"] for account in ask(client, [1, 2, 3], do="json").json()}
    page_of_links = ask(client, [1, 2, 3], do="links")
    assert page_of_links.headers["cache-control"] == "no-store"
    found = re.findall(r'<a href="(https:[^"]+)"\s+rel="noopener noreferrer"', page_of_links.text)
    assert len(found) == 5
    assert set(found) == profiles
    assert sum(address.startswith("https://bsky.app/profile/did:plc:") for address in found) == 3


def test_whom_a_page_of_links_has_no_room_for_is_told(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond ten thousand they were left out without a word."""
    assert "no room for more" not in ask(client, [1, 2, 3], do="links").text
    monkeypatch.setattr(links, "MAX_LINKS", 1)
    page = " ".join(ask(client, [1, 2, 3], do="links").text.split())
    assert "2 more people are not on this page" in page
    assert "1 more person is not on this page" in page


def test_two_people_who_bore_one_name_have_a_link_each() -> None:
    """1 gave their handle away, and 2 has it now: the one who was less sure had no link."""
    gone, here = bluesky("bob", 1, target="bob"), bluesky("bobby", 2, target="bobby")
    here = msgspec.structs.replace(here, target_handle=gone.target_handle)
    chosen = [
        Chosen(Query(mapping.x_id), Answer(mapping, MatchedBy.ID, disputed=False)) for mapping in (gone, here)
    ]
    (of_network,) = links.links_to_chosen([*chosen, *chosen])
    assert [each.id for each in of_network.people] == [gone.target_id, here.target_id]


@pytest.mark.parametrize("form", ["handles", "links"])
def test_nobody_blocked_is_on_the_page_of_links(client: httpx.Client, form: str) -> None:
    refused = ask(client, [], pairs="1,,b\n2,,fm\n3,,r", do=form)
    assert "Nobody is chosen for this file yet" in refused.text


def test_people_who_were_blocked_or_muted_have_files_of_their_own(client: httpx.Client) -> None:
    page = ask(client, [], pairs=LISTED).text
    assert "File for Mastodon of 2 people you blocked" in page
    assert "File for Mastodon of 2 people you muted" in page
    blocked = ask(client, [], pairs=LISTED, do="blocked")
    assert blocked.text.splitlines() == ["Account address", "m2@social.example", "m4@social.example"]
    muted = ask(client, [], pairs=LISTED, do="muted")
    assert muted.text.splitlines() == [
        "Account address,Hide notifications",
        "m3@social.example,true",
        "m4@social.example,true",
    ]
    assert 'value="blocked"' not in ask(client, [1]).text


def upload(
    client: httpx.Client, *files: tuple[str, bytes], language: str = "en", **fields: str
) -> httpx.Response:
    """Sends archives as a browser without script does; without one, it sends an empty field."""
    parts = [("files", (name, content)) for name, content in files or [("", b"")]]
    return client.post("/results", files=parts, data=fields, headers={"accept-language": language})


NO_FILE: Final = {"en": "No file was chosen", "fr": "Aucun fichier n’a été choisi"}


@pytest.mark.parametrize("language", NO_FILE)
def test_a_form_without_a_file_is_told_so(client: httpx.Client, language: str) -> None:
    """It led back to the first page without a word."""
    answer = upload(client, language=language)
    assert answer.status_code == 400
    assert NO_FILE[language] in answer.text


def test_the_rest_of_a_large_archive_can_be_asked_for(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive of more people than are looked up at once was refused."""
    monkeypatch.setattr(uploads, "MAX_MATCH_PAIRS", 2)
    rows = [{"following": {"accountId": str(x_id)}} for x_id in (1, 2, 100_001)]
    archive = ("following.js", f"window.YTD.following.part0 = {json.dumps(rows)}".encode())
    first = upload(client, archive).text
    assert "These are people 1 to 2 of the 3 in your archive" in first
    assert 'name="portion" value="2"' in first
    second = upload(client, archive, portion="2").text
    assert "These are people 3 to 3 of the 3 in your archive" in second
    assert "1 person is already here" in second
    assert 'name="portion"' not in second


@pytest.mark.parametrize("number", [1, 2, 3])
def test_whom_a_large_archive_blocks_is_blocked_in_each_portion(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Fault: of an archive that is looked up in portions, whoever is blocked stood in the last. Where they were followed under
    another name on X, their account was ticked in the first, and followed."""
    monkeypatch.setattr(uploads, "MAX_MATCH_PAIRS", 4)
    lists = {"following": (11, 2), "follower": (21, 22, 23), "block": (12, 24)}
    words = {"following": "following", "follower": "follower", "block": "blocking"}
    files = [
        (
            f"{name}.js",
            f"window.YTD.{name}.part0 = {json.dumps([{words[name]: {'accountId': str(each)}} for each in x_ids])}".encode(),
        )
        for name, x_ids in lists.items()
    ]
    page = upload(client, *files, portion=str(number), do="json")
    assert "same.bsky.example" not in page.text
    assert ("both2@social.example" in page.text) is (number == 1)


def test_each_of_a_large_archive_is_in_one_portion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is left out by those who stand beside a portion, however many they are, and no portion is too large."""
    monkeypatch.setattr(uploads, "MAX_MATCH_PAIRS", 10)
    for blocked in range(40):
        people = [Query(XId(1 + each), None, Lists.FOLLOWING) for each in range(40 - blocked)]
        people += [Query(XId(100 + each), None, Lists.BLOCK) for each in range(blocked)]
        portions = [uploads.portion_of(archive_of(people), 1)]
        while not portions[-1].is_last:
            portions.append(uploads.portion_of(archive_of(people), portions[-1].number + 1))
        assert portions[-1] == uploads.portion_of(archive_of(people), 99)
        of_each = [portion.people[: portion.end - portion.start + 1] for portion in portions]
        assert [each for people in of_each for each in people] == people
        for portion in portions:
            assert len(portion.people) <= 10
            assert len(set(portion.people)) == len(portion.people)
            assert set(people[-blocked:][:5] if blocked else []) <= set(portion.people)


def archive_of(people: list[Query]) -> Archive:
    return Archive(None, people, frozenset(), Skipped())


def test_what_was_left_out_is_told_beside_the_results(client: httpx.Client) -> None:
    archive = ("following.js", b'window.YTD.following.part0 = [{"following": {"accountId": "1"}}]')
    said = upload(client, archive, ("notes.txt", b"x"), language="fr").text
    assert "notes.txt" in said
    assert "Non lus, car aucune liste" in said


def test_the_chosen_of_all_pages_are_in_the_file(client: httpx.Client) -> None:
    asked = ask(client, range(100_000, 100_120), do="json", page="2")
    assert len(json.loads(asked.content)) == 120
