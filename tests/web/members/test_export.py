"""The export as its member downloads it, held against its document and against the rows of the database."""

import base64
import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
import pytest

from directory.accounts import AccountNetwork
from directory.identifiers import XHandle, XId
from directory.members.sessions import hash_token
from directory.networks.port import TokenSet
from directory.queries import Lists, Query
from directory.services.follow_lists import FollowLists
from directory.store.follow_lists import FollowListStore
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_x import FakeX
from tests.peers.pds import Account, Pds
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.permits import permit_at_bluesky, permit_at_mastodon
from tests.web.members.visitors import Visitor
from tests.web.members.worlds import client_of, enrol, fetch

DOCUMENT: Final = Path(__file__).parents[3] / "docs" / "export.md"
AS_STORED: Final = {
    "accounts.json": (
        "SELECT account_id AS id, handle, linked_at, proven_at, checked_at AS last_seen_to_hold_at,"
        " recheck_at AS next_look_at, on_page AS shown_on_page, moved_to FROM linked_account WHERE member = $1"
        " ORDER BY linked_at, id"
    ),
    "claims.json": (
        "SELECT account_id AS x_account, handle AS x_handle, claimed_at, proven_at, decided_at, settled_at,"
        " (ARRAY['open', 'approved', 'upheld', 'rejected', 'lapsed'])[state + 1] AS state"
        " FROM contested_claim WHERE member = $1 ORDER BY claimed_at, id"
    ),
    "publications.json": (
        "SELECT p.published_at, m.issued, m.expires, m.leaf, m.is_contested AS contested FROM publication p"
        " JOIN mapping m ON m.id = p.mapping WHERE member = $1 ORDER BY p.published_at"
    ),
    "consents.json": (
        "SELECT version, given_at, expires, ended_at FROM consent WHERE member = $1 ORDER BY id"
    ),
    "permissions.json": (
        "SELECT issuer AS server, scopes AS scope, granted_at, refreshed_at AS renewed_at, account_id AS account"
        " FROM token JOIN linked_account a ON a.id = account WHERE member = $1 ORDER BY granted_at"
    ),
    "proofs.json": (
        "SELECT created AS asked_at, language, targets AS accounts, closed_at FROM challenge"
        " WHERE member = $1 ORDER BY created, id"
    ),
    "sessions.json": (
        "SELECT label AS browser, a.account_id AS account, created AS began_at, used_at AS last_used_at"
        " FROM member_session s JOIN linked_account a ON a.id = s.account"
        " WHERE s.member = $1 ORDER BY used_at DESC, created DESC, s.id"
    ),
}
"""The columns that stand in each file as they are, under the names of the document."""
SECRETS: Final = (
    "SELECT t.sealed FROM token t JOIN linked_account a ON a.id = t.account WHERE a.member = $1"
    " UNION ALL SELECT sealed FROM challenge WHERE member = $1 UNION ALL SELECT nonce_hash FROM challenge"
    " WHERE member = $1 UNION ALL SELECT token_hash FROM member_session WHERE member = $1"
    " UNION ALL SELECT sealed FROM sign_in WHERE member = $1 UNION ALL SELECT state_hash FROM sign_in"
    " WHERE member = $1"
)


@dataclass(frozen=True, slots=True)
class Life:
    """A member with something of every kind, and one whose X account they claimed."""

    ada: Visitor
    member: UUID
    bluesky: Account
    acct: str
    files: dict[str, Any]
    text: str
    answer: httpx.Response
    sentences: list[str]
    strangers: list[str]
    """What names the other member."""


@pytest.fixture(scope="module")
def instance(
    module_dsn: str, data: Path, pds: Pds, x: FakeX, internet: FakeInternet
) -> Iterator[MemberInstance]:
    client = client_of(internet)
    with member_instance(module_dsn, data, pds=pds, x=x, open_client=client, jobs=False) as running:
        yield running


@pytest.fixture(scope="module")
def life(instance: MemberInstance, pds: Pds, x: FakeX, internet: FakeInternet) -> Iterator[Life]:
    with Visitor(instance) as ada, Visitor(instance) as bob, Visitor(instance) as phone:
        contested = x.account("contested")
        bluesky, bobs, acct = pds.create_account(), pds.create_account(), enrol(internet, "ada")
        bob.sign_in(pds, bobs)
        bob.prove(x, contested)
        bob.publish()
        ada.client.headers["user-agent"] = (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
        )
        ada.sign_in_at_mastodon(internet, acct)
        phone.sign_in_at_mastodon(internet, acct)
        assert ada.get(ada.way_back(pds, bluesky, page="/account")).status_code == 303
        permit_at_mastodon(instance, internet, acct)
        permit_at_bluesky(instance, pds, bluesky)
        sentences = [ada.prove(x, x.account("adaonx")), ada.prove(x, contested)]
        wrong = x.post(x.account("someoneelse"), "a post without any sentence")
        sentences.append(ada.sentence())
        ada.hand_in(wrong)
        ada.publish()
        for said in ("yes", "yes", "no", "yes"):
            ada.send("/account", "/account/consents/2", version="1", answer=said)
        member = UUID(int=_member_of(instance, acct).int)
        _keep_lists(instance, member)
        ada.leave_for(enrol(internet, "underway"), page="/account")
        answer = ada.get("/account/export")
        files, text = _opened(answer.content)
        yield Life(
            ada,
            member,
            bluesky,
            acct,
            files,
            text,
            answer,
            sentences,
            [bobs.did, bobs.handle, str(_member_of(instance, bobs.did))],
        )


def _member_of(instance: MemberInstance, name: str) -> UUID:
    ((member,),) = fetch(
        instance, "SELECT member FROM linked_account WHERE handle = $1 OR account_id = $1", name
    )
    return UUID(int=member.int)


def _keep_lists(instance: MemberInstance, member: UUID) -> None:
    people = [
        Query(XId(12), XHandle("Jack"), Lists.FOLLOWING),
        Query(XId(34), None, Lists.FOLLOWING),
        Query(None, XHandle("nina_3"), Lists.FOLLOWING),
    ]

    async def keep() -> None:
        lists = FollowLists(FollowListStore(instance.database), instance.clock)
        await lists.keep(member, Lists.FOLLOWING, people)
        await lists.keep(member, Lists.MUTE, [])

    instance.call(keep)


def _opened(content: bytes) -> tuple[dict[str, Any], str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    return {name: json.loads(text) for name, text in texts.items()}, "\n".join(texts.values())


def _documented() -> tuple[set[str], dict[str, set[str]]]:
    """The files of the document's table, and the words in code type of each file's own part of it."""
    text = DOCUMENT.read_text()
    table = set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))
    words: dict[str, set[str]] = {
        match[1]: set(re.findall(r"`([^`]+)`", match[2]))
        for match in re.finditer(r"^\| `([^`]+)` \|(.*)$", text, re.MULTILINE)
    }
    for part in text.split("\n## ")[1:]:
        heading, _, body = part.partition("\n")
        words[heading.strip("`")] |= set(re.findall(r"`([^`]+)`", body))
    return table, words


def _keys(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


def _documented_name(name: str) -> str:
    return "follow-lists/<list>.json" if name.startswith("follow-lists/") else name


def _plain(value: object) -> object:
    """A time as a time, whatever its notation."""
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
        return datetime.fromisoformat(value)
    return value


def test_it_is_a_file_to_keep_that_nobody_else_keeps(life: Life) -> None:
    assert life.answer.headers["content-type"] == "application/zip"
    assert re.fullmatch(
        r'attachment; filename="passerelle-\d{4}-\d\d-\d\d\.zip"', life.answer.headers["content-disposition"]
    )
    assert life.answer.headers["cache-control"] == "no-store"


def test_its_files_and_fields_are_those_of_the_document(life: Life) -> None:
    table, words = _documented()
    assert {_documented_name(name) for name in life.files} == table
    for name, document in life.files.items():
        unknown = set(_keys(document)) - words[_documented_name(name)]
        assert not unknown, f"{name} holds {unknown}, which docs/export.md does not explain"
        assert document or name not in AS_STORED, f"{name} is empty, so nothing of it was compared"


def test_it_holds_what_the_database_holds(life: Life) -> None:
    for name, sql in AS_STORED.items():
        rows = fetch(life.ada.instance, sql, life.member)
        assert len(life.files[name]) == len(rows), name
        for shown, row in zip(life.files[name], rows, strict=True):
            assert {key: _plain(shown[key]) for key in row.keys()} == dict(row), name  # noqa: SIM118 - a Record
    ((created,),) = fetch(life.ada.instance, "SELECT created FROM member WHERE id = $1", life.member)
    assert _plain(life.files["member.json"]["member_since"]) == created


def test_what_a_person_did_can_be_read_in_it(life: Life) -> None:
    """The values that the database keeps as numbers, in words."""
    files = life.files
    assert files["member.json"]["format"] == "passerelle-export/1"
    assert files["member.json"]["instance"] == life.ada.instance.settings.domain
    assert [(each["network"], each["handle"]) for each in files["accounts.json"]] == [
        ("mastodon", life.acct),
        ("bluesky", life.bluesky.handle),
        ("x", "adaonx"),
    ]
    assert [each["proof"] for each in files["accounts.json"]] == ["holds"] * 3
    assert [[item["kind"] for item in each["evidence"]] for each in files["accounts.json"]] == [
        ["mastodon-oauth"],
        ["bluesky-oauth"],
        ["x-post-id"],
    ]
    (claim,) = files["claims.json"]
    assert (claim["x_handle"], claim["settled_at"], claim["state"]) == ("contested", None, "open")
    (said,) = files["publications.json"]
    assert (said["x"]["handle"], said["state"], said["strength"]) == ("adaonx", "active", "bound")
    consents = [(each["to"], each["ended_by"]) for each in files["consents.json"]]
    assert consents == [
        ("publish", None),
        ("keep_follow_list", "renewed"),
        ("keep_follow_list", "withdrawn"),
        ("keep_follow_list", None),
    ]
    given, expires = (_plain(files["consents.json"][-1][key]) for key in ("given_at", "expires"))
    assert isinstance(given, datetime)
    assert isinstance(expires, datetime)
    assert expires - given == timedelta(days=365)
    assert {(each["network"], each["purpose"]) for each in files["permissions.json"]} == {
        ("mastodon", "follow"),
        ("bluesky", "follow"),
    }
    assert [(each["state"], [post["state"] for post in each["posts"]]) for each in files["proofs.json"]] == [
        ("used", ["verified"]),
        ("used", ["contested"]),
        ("open", ["refuted"]),
    ]
    assert sorted(each["browser"] for each in files["sessions.json"]) == ["", "Firefox · Linux"]
    following = files["follow-lists/following.json"]
    people = [
        {"id": "12", "handle": "jack", "seen": None},
        {"id": "34", "handle": None, "seen": None},
        {"id": None, "handle": "nina_3", "seen": following["kept_at"][:10]},
    ]
    assert sorted(following["people"], key=str) == sorted(people, key=str)
    assert files["follow-lists/muted.json"]["people"] == []


async def _tokens_of(instance: MemberInstance, member: UUID) -> list[TokenSet]:
    permissions = instance.members.permissions
    return [await permissions.read(each.account, each.purpose) for each in await permissions.list_of(member)]


def test_no_secret_is_in_it(life: Life) -> None:
    """Neither tokens, cookies and nonces, nor what the database keeps in their place."""
    instance = life.ada.instance
    secrets = [cookie.value for cookie in life.ada.client.cookies.jar if cookie.value]
    secrets += [sentence.split()[-1].strip(".") for sentence in life.sentences]
    tokens = instance.call(lambda: _tokens_of(instance, life.member))
    assert len(tokens) == 2
    secrets += [each for token in tokens for each in (token.access, token.refresh) if each]
    stored = [row[0] for row in fetch(instance, SECRETS, life.member)]
    assert len(stored) > 8
    for raw in stored:
        secrets += [raw.hex(), base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()]
    cookie = life.ada.client.cookies["passerelle"]
    assert hash_token(cookie) in stored, "the cookie that is looked for is the one of this session"
    assert not [secret for secret in secrets if secret in life.text]


def test_nothing_of_another_member_is_in_it(life: Life) -> None:
    """Not even of the one who holds the X account that this member claimed."""
    assert not [name for name in life.strangers if name in life.text]
    assert AccountNetwork.X not in {each["network"] for each in life.files["permissions.json"]}


def test_each_gets_their_own(life: Life, instance: MemberInstance, internet: FakeInternet) -> None:
    with Visitor(instance) as eve:
        eve.sign_in_at_mastodon(internet, enrol(internet, "eve"))
        # Whatever is added to the address: whose export it is comes from the session.
        files, text = _opened(eve.get(f"/account/export?member={life.member}&account={life.acct}").content)
    assert [each["handle"] for each in files["accounts.json"]] == ["eve@social.test"]
    assert life.acct not in text
    assert str(life.member) not in text
