"""The command as a person at a terminal meets it: what it prints, where, and how it exits."""

import asyncio
import csv
import io
import json
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from deploy.cli import match
from deploy.cli.main import COMMANDS
from deploy.embedded import open_database
from deploy.ports import free_port
from directory import exports
from directory.identifiers import XId
from directory.mappings import Mapping
from directory.queries import Query
from directory.ranking import Answer, Match, MatchedBy
from directory.services.lookup import match_all
from tests.deploy.ready import put_database
from tests.harness.clock import START
from tests.harness.command import Command, Result
from tests.harness.forking import Forks
from tests.harness.mappings import ORIGIN, mastodon
from tests.harness.postgres import FAST_SETTINGS, make_folder

FOLLOWS = 250
SMALL = ("--people", "400", "--follows", str(FOLLOWS), "--size", "200KB", "--tweets", "40KB")


@pytest.fixture(scope="module")
def command(folder: Path) -> Iterator[Command]:
    """Runs commands over a server that is up already, so that each need not start one."""
    with open_database(folder / "data", FAST_SETTINGS):
        yield Forks(folder, {"data": str(folder / "data"), "port": str(free_port())})


@pytest.fixture
def program(command: Command) -> Command:
    """The program with its own start."""
    return Command(command.folder, command.settings)


@dataclass(frozen=True, slots=True)
class Demo:
    """A directory with demo people, and their archive."""

    command: Command
    archive: Path
    filled: Result


@pytest.fixture(scope="module")
def demo(command: Command) -> Demo:
    archive = command.folder / "demo.zip"
    filled = command.run("demo", *SMALL, "--archive", archive)
    assert filled.code == 0, filled.err
    return Demo(command, archive, filled)


def test_help_reads_well(program: Command) -> None:
    shown = program.run("--help")
    assert (shown.code, shown.err) == (0, "")
    words = " ".join(shown.out.split())
    for name, sentence in COMMANDS.items():
        assert f" {name} {sentence}" in words
    assert all(len(line) <= 80 for line in shown.out.splitlines())


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_tells_what_it_does(command: Command, name: str) -> None:
    shown = command.run(name, "--help")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith(f"Usage: passerelle {name}")


def test_an_unknown_command_is_told_how_to_go_on(program: Command) -> None:
    shown = program.run("dance")
    assert shown.code == 2
    assert "No such command 'dance'" in shown.err
    assert "passerelle --help" in shown.err


def test_the_demo_says_what_to_do_next(demo: Demo) -> None:
    said = demo.filled.out
    assert "400 demo people are in the directory. `passerelle demo --remove` takes them out." in said
    assert f"passerelle match {demo.archive}" in said
    assert demo.archive.stat().st_size > 40_000


def test_an_archive_is_matched_as_a_table(demo: Demo) -> None:
    shown = demo.command.run("match", demo.archive)
    assert (shown.code, shown.err) == (0, "")
    assert "people are already here." in shown.out
    assert "more are not shown: add --all, --json or --csv." in shown.out
    assert len(demo.command.run("match", demo.archive, "--all").out) > len(shown.out)


def test_an_archive_is_matched_for_programs(demo: Demo) -> None:
    shown = demo.command.run("match", demo.archive, "--json")
    assert (shown.code, shown.err) == (0, "")
    document = json.loads(shown.out)
    assert document["asked"] >= FOLLOWS
    assert 0 < document["found"] == len(document["results"])
    table = demo.command.run("match", demo.archive, "--csv")
    header, *rows = csv.reader(io.StringIO(table.out))
    assert header[:5] == ["x_id", "x_handle", "network", "id", "handle"]
    assert len(rows) == sum(len(result["answers"]) for result in document["results"])
    assert {row[7] for row in rows} <= {"true", "false"}


def test_an_archive_becomes_a_file_for_mastodon(demo: Demo) -> None:
    shown = demo.command.run("match", demo.archive, "--mastodon")
    assert (shown.code, shown.err) == (0, "")
    header, *rows = csv.reader(io.StringIO(shown.out))
    assert header == ["Account address", "Show boosts", "Notify on new posts", "Languages"]
    assert rows
    assert all(row[0].count("@") == 1 and row[1:] == ["true", "false", ""] for row in rows)


def test_a_file_too_long_for_mastodon_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mastodon refuses it as a whole, and says so only to whoever uploads it."""
    found = [
        Match(Query(XId(number)), (Answer(mastodon(f"p{number}", number), MatchedBy.ID, disputed=False),))
        for number in (1, 2)
    ]
    monkeypatch.setattr(match, "MASTODON_CSV_MAX_ROWS", 1)
    monkeypatch.setattr(exports, "MASTODON_CSV_MAX_ROWS", 1)
    monkeypatch.setattr(match, "with_lookup", lambda _work: found)
    archive = tmp_path / "following.js"
    archive.write_text('window.YTD.following.part0 = [{"following": {"accountId": "1"}}]')
    shown = CliRunner().invoke(match.command, [str(archive), "--mastodon"])
    assert shown.exit_code == 0
    assert len(shown.stdout.splitlines()) == 2
    said = " ".join(shown.stderr.split())
    assert "Mastodon takes at most 1 accounts a file and these are 2: this is file 1 of 2" in said
    other = CliRunner().invoke(match.command, [str(archive), "--mastodon", "--part", "2"])
    assert {*shown.stdout.splitlines()[1:], *other.stdout.splitlines()[1:]} == {
        f"p{number}@social.example,true,false," for number in (1, 2)
    }
    assert CliRunner().invoke(match.command, [str(archive), "--mastodon", "--part", "3"]).exit_code == 2


LISTED = {
    "following": [1, 2, 3, 5],
    "follower": [2, 4],
    "block": [5, 6],
    "mute": [3],
}


def test_only_people_who_are_followed_are_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mere followers, and people who were blocked or muted, were in the file that Mastodon follows."""
    keys = {"following": "following", "follower": "follower", "block": "blocking", "mute": "muting"}
    for name, ids in LISTED.items():
        rows = [{keys[name]: {"accountId": str(x_id)}} for x_id in ids]
        (tmp_path / f"{name}.js").write_text(f"window.YTD.{name}.part0 = {json.dumps(rows)}")
    people = [mastodon(f"p{number}", number) for number in range(1, 7)]

    def found(work: Any) -> Any:
        return asyncio.run(work(_Matching(people)))

    monkeypatch.setattr(match, "with_lookup", found)
    shown = CliRunner().invoke(match.command, [str(tmp_path), "--mastodon"])
    assert [row.split("@")[0] for row in shown.stdout.splitlines()[1:]] == ["p1", "p2"]
    lines = CliRunner().invoke(match.command, [str(tmp_path), "--addresses"]).stdout
    assert lines == "p1@social.example\np2@social.example\n"
    blocked = CliRunner().invoke(match.command, [str(tmp_path), "--blocked"]).stdout
    assert blocked == "Account address\np5@social.example\np6@social.example\n"
    muted = CliRunner().invoke(match.command, [str(tmp_path), "--muted"]).stdout
    assert muted == "Account address,Hide notifications\np3@social.example,true\n"
    table = list(
        csv.DictReader(io.StringIO(CliRunner().invoke(match.command, [str(tmp_path), "--csv"]).stdout))
    )
    lists = {row["x_id"]: row["lists"] for row in table}
    assert lists == {
        "1": "following",
        "2": "following follower",
        "3": "following mute",
        "4": "follower",
        "5": "following block",
        "6": "block",
    }
    results = json.loads(CliRunner().invoke(match.command, [str(tmp_path), "--json"]).stdout)["results"]
    assert {each["query"]["id"]: " ".join(each["lists"]) for each in results} == lists


class _Matching:
    """A lookup over these mappings."""

    def __init__(self, mappings: list[Mapping]) -> None:
        self._mappings = mappings

    async def match(self, queries: list[Query], *, with_evidence: bool) -> list[Match]:
        return match_all(queries, self._mappings, START.date(), ORIGIN)


def test_one_account_is_looked_up(demo: Demo) -> None:
    found = json.loads(demo.command.run("match", demo.archive, "--json").out)["results"]
    known = next(each for each in found if each["query"]["id"] and each["answers"][0]["may_follow"])
    by_id = demo.command.run("lookup", known["query"]["id"])
    assert (by_id.code, by_id.err) == (0, "")
    assert known["answers"][0]["handle"] in by_id.out
    handle = known["answers"][0]["x"]["handle"]
    for typed in (f"@{handle}", f"https://x.com/{handle}/status/1"):
        document = json.loads(demo.command.run("lookup", typed, "--json").out)
        assert document["answers"][0]["id"] == known["answers"][0]["id"]


def test_nobody_found_is_a_sentence_and_ends_with_1(demo: Demo) -> None:
    shown = demo.command.run("lookup", "@nobody_of_them")
    assert (shown.code, shown.err) == (1, "")
    assert shown.out == "Nobody has said yet where @nobody_of_them is now.\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--archive", "nowhere/demo.zip"), "nowhere/demo.zip could not be written"),
        (("--size", "999999GB"), "demo-archive.zip does not fit on the disk"),
    ],
)
def test_a_place_for_no_archive_is_told_before_anybody_is_invented(
    folder: Path, command: Command, options: tuple[str, str], said: str
) -> None:
    """Millions were made and signed first, and the second try was refused since they were there."""
    other = Forks(folder, {**command.settings, "data": str(folder / "third")})
    refused = other.run("demo", *SMALL, *options)
    assert refused.code == 1
    assert said in refused.sentence
    assert not (folder / "third").exists()


def test_a_second_demo_is_refused(demo: Demo) -> None:
    """Two worlds would contradict each other."""
    shown = demo.command.run("demo", *SMALL, "--no-archive")
    assert (shown.code, shown.out) == (1, "")
    assert shown.sentence == (
        "passerelle: there are demo people already: run `passerelle demo --remove` first."
    )


def test_demo_people_are_taken_out_again(folder: Path, command: Command) -> None:
    put_database(folder / "second")
    with open_database(folder / "second", FAST_SETTINGS):
        other = Forks(folder, {**command.settings, "data": str(folder / "second")})
        assert other.run("demo", *SMALL, "--no-archive").code == 0
        removed = other.run("demo", "--remove")
        assert (removed.code, removed.err) == (0, "")
        assert "demo mappings were taken out." in removed.out
        assert other.run("demo", "--remove").out == "There were no demo people.\n"
        assert other.run("demo", *SMALL, "--no-archive").code == 0


def test_a_bad_archive_is_one_sentence(command: Command) -> None:
    bad = command.folder / "bad.zip"
    bad.write_bytes(b"PK\x03\x04 and then nothing")
    shown = command.run("match", bad)
    assert (shown.code, shown.out) == (1, "")
    assert shown.sentence.startswith("passerelle: bad.zip ")
    assert "download the archive from X again" in shown.sentence


def test_a_missing_archive_is_one_sentence(program: Command) -> None:
    shown = program.run("match", "nowhere.zip")
    assert (shown.code, shown.out) == (1, "")
    assert shown.sentence == "passerelle: There is no nowhere.zip: please check the name and the folder."


def test_what_is_no_account_is_one_sentence(command: Command) -> None:
    shown = command.run("lookup", "[bold]x[/]y z")
    assert (shown.code, shown.out) == (1, "")
    assert "[bold]x[/]y z'" in shown.sentence
    assert "Write @name" in shown.sentence


def test_a_demo_archive_that_cannot_be_written_is_one_sentence(command: Command) -> None:
    shown = command.run("demo", "--no-people", "--archive", "/nowhere/at/all.zip", "--size", "100KB")
    assert (shown.code, shown.out) == (1, "")
    assert "check that the folder exists" in shown.sentence


def test_a_port_in_use_is_one_sentence(program: Command) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        shown = program.run("serve", "--port", str(port))
    assert (shown.code, shown.out) == (1, "")
    assert f"another program listens on 127.0.0.1:{port} already" in shown.sentence
    assert "PASSERELLE_PORT" in shown.sentence


@pytest.mark.parametrize(
    ("name", "value"),
    [("port", "high"), ("prot", "8000"), ("language", "tlh"), ("database_url", "mysql://x")],
)
def test_a_wrong_setting_is_named(program: Command, name: str, value: str) -> None:
    shown = program.run("lookup", "@jack", **{name: value})
    assert (shown.code, shown.out) == (1, "")
    assert name in shown.sentence.lower()
    assert "passerelle doctor" in shown.sentence


def test_an_unknown_size_is_told_with_examples(command: Command) -> None:
    shown = command.run("demo", "--size", "3XB")
    assert (shown.code, shown.out) == (2, "")
    assert "'3XB' is not a size: write 500KB, 20MB or 3GB." in shown.err


@pytest.mark.parametrize(
    "url",
    ["postgresql://127.0.0.1:1/nothing", "postgresql://127.0.0.1:99999/x", "postgresql:///x?host=/nowhere"],
)
def test_a_database_that_is_not_there_is_one_sentence(command: Command, url: str) -> None:
    shown = command.run("lookup", "@jack", database_url=url)
    assert (shown.code, shown.out) == (1, "")
    assert shown.sentence.startswith("passerelle: could not connect to the database: ")
    assert "Nothing was changed; `passerelle doctor` tells more." in shown.sentence


@pytest.fixture
def fresh() -> Iterator[Path]:
    made = make_folder("passerelle-doctor-")
    yield made
    shutil.rmtree(made)


def test_the_doctor_finds_all_well(fresh: Path) -> None:
    """In a folder of its own, where nothing else was done."""
    command = Command(fresh, {"data": str(fresh / "data"), "port": str(free_port())})
    command.run("lookup", "@jack")
    shown = command.run("doctor")
    assert shown.code == 0, shown.out
    assert "All is well." in shown.out
    assert "nothing waits" in shown.out
    assert "✗" not in shown.out


def test_the_doctor_lists_every_setting_and_no_secret(command: Command) -> None:
    url = "postgresql://someone:hidden-word@127.0.0.1:1/x"
    shown = command.run("doctor", "--settings", database_url=url)
    assert "PASSERELLE_TRUSTED_PROXIES" in shown.out
    assert "hidden-word" not in shown.out + shown.err


def test_the_doctor_marks_what_is_wrong_and_how_to_mend_it(command: Command) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        shown = command.run(
            "doctor",
            data=str(command.folder / "unused"),
            port=str(taken.getsockname()[1]),
            public_url="http://find.example",
            database_url="postgresql://127.0.0.1:1/x",
        )
    assert shown.code == 1
    wrong = [line.split()[1] for line in shown.out.splitlines() if "✗" in line]
    assert wrong == ["Address", "Public", "Database"]
    assert "Stop the other program, or set PASSERELLE_PORT." in shown.out
    assert "mend the address in PASSERELLE_DATABASE_URL" in shown.out
    assert "Mend what is marked" in shown.out


def test_the_doctor_wants_the_recovery_key_away_from_a_public_instance(
    folder: Path, command: Command
) -> None:
    """Attack: whoever copies the folder of keys could give the log a new key at once."""
    public = Forks(
        folder, {**command.settings, "data": str(folder / "public"), "public_url": "https://find.example"}
    )
    put_database(folder / "public")
    with open_database(folder / "public", FAST_SETTINGS):
        assert public.run("keys", "make").code == 0
        shown = public.run("doctor")
        assert shown.code == 1
        assert "✗  Recovery key" in shown.out
        assert "to a safe place off this machine." in shown.out
        (folder / "public" / "keys" / "recovery.key").unlink()
        assert "Recovery key" not in public.run("doctor").out


def test_the_doctor_helps_with_a_wrong_setting(command: Command) -> None:
    shown = command.run("doctor", port="high")
    assert shown.code == 1
    assert "✗" in shown.out
    assert "The port to listen on." in shown.out
    assert "Traceback" not in shown.err
