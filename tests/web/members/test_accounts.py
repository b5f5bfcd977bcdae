"""The account page: what is linked, linking more, and unlinking all but the last."""

import io
import re
import zipfile
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest

from directory.accounts import ProvenAccount, XAccount
from directory.identifiers import XHandle, XId
from directory.mappings import Evidence, EvidenceKind
from directory.proofs.reasons import SENTENCES, RefutedReason
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_mastodon.visitor import agree
from tests.harness.fake_x import FakeX
from tests.peers.pds import Account, Pds
from tests.web.members.gallery import People, Person
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import SAME_ORIGIN, Visitor
from tests.web.members.worlds import client_of, enrol, fetch

LAST = "This is the last account you can sign in with: link another one first, or leave altogether."
LINKED_ELSEWHERE = (
    "This account already belongs to another membership here: sign in with it, and unlink it there first."
)


@pytest.fixture(scope="module")
def instance(
    module_dsn: str, data: Path, pds: Pds, x: FakeX, internet: FakeInternet
) -> Iterator[MemberInstance]:
    client = client_of(internet)
    with member_instance(module_dsn, data, pds=pds, x=x, open_client=client, jobs=False) as running:
        yield running


@pytest.fixture
def bluesky(pds: Pds) -> Account:
    return pds.create_account()


def listed(visitor: Visitor) -> list[str]:
    """The accounts that the page names, in its order."""
    found = re.findall(r'<p class="target">\s*(\S+)', visitor.get("/account").text)
    return [unescape(name) for name in found]


def account_id(visitor: Visitor, handle: str) -> UUID:
    ((number,),) = fetch(visitor.instance, "SELECT id FROM linked_account WHERE handle = $1", handle)
    return UUID(int=number.int)


def unlink(visitor: Visitor, handle: str) -> tuple[int, str]:
    """The status, and the text of the page."""
    answer = visitor.send("/account", f"/account/accounts/{account_id(visitor, handle)}/unlink")
    return answer.status_code, unescape(answer.text)


def test_bluesky_after_mastodon_and_each_signs_in(
    ada: Visitor, eve: Visitor, pds: Pds, internet: FakeInternet, bluesky: Account
) -> None:
    """One member, two accounts: linked in the order they came, and either opens the same membership."""
    acct = enrol(internet, "ada")
    ada.sign_in_at_mastodon(internet, acct)
    back = ada.get(ada.way_back(pds, bluesky, page="/account"))
    assert (back.status_code, back.headers["location"]) == (303, "/account")
    assert listed(ada) == [acct, bluesky.handle]
    eve.sign_in(pds, bluesky)  # a second browser of the same person
    assert listed(eve) == [acct, bluesky.handle]
    ((members,),) = fetch(
        ada.instance,
        "SELECT count(DISTINCT member) FROM linked_account WHERE handle IN ($1, $2)",
        acct,
        bluesky.handle,
    )
    assert members == 1


def test_linking_keeps_the_session(ada: Visitor, pds: Pds, internet: FakeInternet, bluesky: Account) -> None:
    ada.sign_in_at_mastodon(internet, enrol(internet, "keeps"))
    before = ada.client.cookies["passerelle"]
    ada.get(ada.way_back(pds, bluesky, page="/account"))
    assert ada.client.cookies["passerelle"] == before


def test_one_is_unlinked_and_the_last_never(
    ada: Visitor, instance: MemberInstance, pds: Pds, internet: FakeInternet, bluesky: Account
) -> None:
    acct = enrol(internet, "leaver")
    ada.sign_in_at_mastodon(internet, acct)
    alone = unescape(ada.get("/account").text)
    assert "/unlink" not in alone
    assert "The last account you can sign in with cannot be unlinked" in alone
    status, said = unlink(ada, acct)
    assert (status, LAST in said) == (409, True)
    ada.get(ada.way_back(pds, bluesky, page="/account"))
    second = enrol(internet, "leaver2")
    ada.sign_in_at_mastodon(internet, second, page="/account")
    assert unlink(ada, second)[0] == 303
    status, said = unlink(ada, acct)
    assert (status, "this browser is signed out" in said) == (200, True)
    ada.sign_in(pds, bluesky)
    assert listed(ada) == [bluesky.handle]
    assert unlink(ada, bluesky.handle)[0] == 409
    assert listed(ada) == [bluesky.handle]
    instance.call(instance.worker.drain)
    assert fetch(instance, "SELECT id FROM revocation") == [], "the server was told to forget the permission"


def test_an_x_account_is_none_to_sign_in_with(ada: Visitor, pds: Pds, x: FakeX, bluesky: Account) -> None:
    """With an X account beside it, the only new account is still the last one; the X account itself may go,
    and what is public of it goes with it."""
    ada.sign_in(pds, bluesky)
    ada.prove(x, x.account("unlinkable"))
    ada.publish()
    assert ada.get("/api/v1/lookup?x=unlinkable").json()["answers"]
    assert (unlink(ada, bluesky.handle)[0], listed(ada)) == (409, [bluesky.handle, "@unlinkable"])
    assert unlink(ada, "unlinkable")[0] == 303
    assert listed(ada) == [bluesky.handle]
    assert ada.get("/api/v1/lookup?x=unlinkable").json()["answers"] == []


def test_the_proof_of_an_unlinked_account_is_forgotten(
    ada: Visitor, instance: MemberInstance, pds: Pds, x: FakeX, bluesky: Account
) -> None:
    """The page said so, and which post had proven the account was kept, and exported, as long as the membership. What proves
    another account stays."""
    ada.sign_in(pds, bluesky)
    ada.prove(x, x.account("stays"))
    ada.prove(x, x.account("forgotten"))
    ((member,),) = fetch(instance, "SELECT member FROM linked_account WHERE handle = $1", bluesky.handle)
    posts = "SELECT post_id FROM proof_check WHERE member = $1 AND state = 1 ORDER BY created"
    used = "SELECT post_id FROM challenge WHERE member = $1 AND post_id IS NOT NULL ORDER BY created"
    assert len(fetch(instance, posts, member)) == len(fetch(instance, used, member)) == 2
    assert unlink(ada, "forgotten")[0] == 303
    assert len(fetch(instance, posts, member)) == len(fetch(instance, used, member)) == 1
    with zipfile.ZipFile(io.BytesIO(ada.get("/account/export").content)) as archive:
        proofs = msgspec.json.decode(archive.read("proofs.json"))
    assert sorted((each["state"], len(each["posts"])) for each in proofs) == [("superseded", 0), ("used", 1)]


def test_an_account_of_another_member_is_explained(
    ada: Visitor, eve: Visitor, pds: Pds, internet: FakeInternet, bluesky: Account
) -> None:
    """Neither takes anything from the other, and the permission that came with it is not kept."""
    ada.sign_in(pds, bluesky)
    acct = enrol(internet, "other")
    eve.sign_in_at_mastodon(internet, acct)
    before = fetch(ada.instance, "SELECT count(*) FROM token")
    answer = eve.get(eve.way_back(pds, bluesky, page="/account"))
    assert answer.status_code == 409
    assert LINKED_ELSEWHERE in unescape(answer.text)
    assert 'href="/account"' in answer.text
    assert (listed(eve), listed(ada)) == ([acct], [bluesky.handle])
    assert fetch(ada.instance, "SELECT count(*) FROM token") == before
    # As it says: signed in with it, there is nothing to unlink but the last; with one more it works.
    ada.sign_in_at_mastodon(internet, enrol(internet, "second"), page="/account")
    assert unlink(ada, bluesky.handle)[0] == 200
    assert eve.get(eve.way_back(pds, bluesky, page="/account")).status_code == 303
    assert listed(eve) == [acct, bluesky.handle]


def test_who_links_comes_from_no_parameter(
    ada: Visitor, eve: Visitor, instance: MemberInstance, internet: FakeInternet
) -> None:
    """The attacker adds the victim's ids to every step of a link: the form, the way back, the state."""
    ada.sign_in_at_mastodon(internet, enrol(internet, "victim"))
    eve.sign_in_at_mastodon(internet, enrol(internet, "attacker"))
    ((victim,),) = fetch(instance, "SELECT member FROM linked_account WHERE handle = 'victim@social.test'")
    third = enrol(internet, "third")
    named = {"member": str(victim), "account_id": str(victim), "user": str(victim), "browser": str(victim)}
    answer = eve.send("/account", f"/sign-in?member={victim}", account=third, **named)
    url = answer.headers["refresh"].partition("url=")[2]
    back = agree(internet, url, third).removeprefix(instance.settings.base_url)
    assert eve.get(f"{back}&member={victim}&user={victim}").status_code == 303
    assert listed(ada) == ["victim@social.test"]
    assert listed(eve) == ["attacker@social.test", third]


def test_who_signs_in_meanwhile_links_nothing(
    ada: Visitor, eve: Visitor, pds: Pds, internet: FakeInternet, bluesky: Account
) -> None:
    """A link is begun by one member, and the browser comes back with another signed in: neither gets it."""
    ada.sign_in_at_mastodon(internet, enrol(internet, "first"))
    back = ada.way_back(pds, bluesky, page="/account")
    eve.sign_in_at_mastodon(internet, enrol(internet, "next"))
    ada.client.cookies.set("passerelle", eve.client.cookies["passerelle"], domain="127.0.0.1", path="/")
    assert listed(ada) == ["next@social.test"]
    answer = ada.get(back)
    assert answer.status_code == 400
    assert "That sign-in is over" in answer.text
    assert (listed(ada), listed(eve)) == (["next@social.test"], ["next@social.test"])


def test_an_account_that_is_none_is_said(ada: Visitor, internet: FakeInternet) -> None:
    """At linking as at signing in: one sentence, and what was typed stands there still."""
    ada.sign_in_at_mastodon(internet, enrol(internet, "typist"))
    answer = ada.send("/account", "/sign-in", account="not an account at all")
    assert answer.status_code == 400
    assert "Link another account" in answer.text
    assert "That is not an account we can read" in answer.text
    assert 'value="not an account at all"' in answer.text


@pytest.mark.parametrize("what", ["unlink", "page"])
def test_an_account_that_is_nobodys(ada: Visitor, internet: FakeInternet, what: str) -> None:
    """Unlinked a moment ago in another window, or never there."""
    ada.sign_in_at_mastodon(internet, enrol(internet, f"nobodys{what}"))
    answer = ada.send("/account", f"/account/accounts/{uuid4()}/{what}", shown="yes")
    assert answer.status_code == 409
    assert "That account is not one of yours (any more)." in answer.text


def test_a_form_of_the_page_leads_back_to_it(ada: Visitor, internet: FakeInternet) -> None:
    """And nothing keeps what it answers."""
    acct = enrol(internet, "shower")
    ada.sign_in_at_mastodon(internet, acct)
    answer = ada.send("/account", f"/account/accounts/{account_id(ada, acct)}/page", shown="yes")
    assert (answer.status_code, answer.headers["location"], answer.content) == (
        303,
        "/account?said=on-page",
        b"",
    )
    assert answer.headers["cache-control"] == "no-store"
    assert "Take it off my page" in ada.get("/account").text
    without = ada.client.post(f"/account/accounts/{account_id(ada, acct)}/page", headers=SAME_ORIGIN)
    assert without.status_code == 403


def test_a_name_that_no_database_takes_has_no_page(ada: Visitor) -> None:
    """Attack: anybody asks for the page of a name with a zero byte, and each time an error is logged."""
    for name in ("a%00b", "@a%00b@social.example", "%00", "a%0Ab"):
        assert ada.get(f"/m/{name}").status_code == 404


def test_the_account_page_tells_how_a_check_goes(instance: MemberInstance, ada: Visitor) -> None:
    """The page of the check sends people there for that; it read "first show that the X account is yours"."""
    people = People(instance)

    def account_of(person: Person) -> str:
        ada.client.cookies.set("passerelle", person.token)
        return unescape(ada.get("/account").text)

    waiting, hasty, new = people.join("waiting"), people.join("hasty"), people.join("new")
    people.hand_in(hasty, refused=RefutedReason.SENTENCE_ALTERED)
    people.hand_in(waiting)
    assert "We are looking at your post…" in account_of(waiting)
    refused = account_of(hasty)
    assert "What you handed in last did not prove your X account." in refused
    assert SENTENCES[RefutedReason.SENTENCE_ALTERED] in refused
    assert 'class="card" role="status"' not in account_of(new)

    async def sign_in_at_x() -> None:
        x = XAccount(XId(1_700_000_000_000_000_001), XHandle.parse(hasty.names.x))
        seen = Evidence(EvidenceKind.X_OAUTH, instance.clock.now(), names=(hasty.names.did,))
        await instance.members.membership.link(hasty.member, ProvenAccount(x, seen))

    instance.call(sign_in_at_x)
    proven = account_of(hasty)
    assert f"@{hasty.names.x}" in proven
    assert "did not prove your X account" not in proven, "another proof did"
