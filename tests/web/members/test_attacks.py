"""What somebody could try against members and their sessions. Each docstring tells the attack."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.harness.fake_x import FakeX
from tests.peers.pds import Account, Pds
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import SAME_ORIGIN, Visitor

# A refusal comes before the form is read, and ends the connection.
CLOSING = {**SAME_ORIGIN, "connection": "close"}
MEMBER_PAGES = ("/account", "/account/prove", "/account/publish", "/account/leave", "/account/export")


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, pds: Pds, x: FakeX) -> Iterator[MemberInstance]:
    """Its jobs are done when a test says so."""
    with member_instance(module_dsn, data, pds=pds, x=x, jobs=False) as running:
        yield running


@pytest.fixture
def victim(instance: MemberInstance) -> Iterator[Visitor]:
    with Visitor(instance) as visitor:
        yield visitor


@pytest.fixture
def attacker(instance: MemberInstance) -> Iterator[Visitor]:
    with Visitor(instance) as visitor:
        yield visitor


def test_login_csrf(victim: Visitor, attacker: Visitor, pds: Pds, alice: Account) -> None:
    """The attacker agrees at their own server and has the victim's browser open the way back: the victim
    would act in the attacker's membership. The state belongs to another browser."""
    back = attacker.way_back(pds, alice)
    victim.get("/sign-in")
    assert victim.get(back).status_code == 400
    assert victim.get("/account").headers["location"] == "/sign-in"
    # It is still the attacker's own to use.
    assert attacker.get(back).status_code == 303


def test_state_and_code_serve_once(victim: Visitor, pds: Pds, alice: Account) -> None:
    """Somebody reads the way back from a history or a log, and opens it again."""
    back = victim.way_back(pds, alice)
    assert victim.get(back).status_code == 303
    victim.client.cookies.delete("passerelle")
    assert victim.get(back).status_code == 400
    assert victim.get("/account").status_code == 303


def test_session_fixation(victim: Visitor, pds: Pds, alice: Account) -> None:
    """The victim's browser was made to hold a session token that the attacker knows: signing in gives a new
    one, and the old one is nobody's."""
    known = "a" * 43
    victim.client.cookies.set("passerelle", known)
    victim.sign_in(pds, alice)
    given = [cookie.value for cookie in victim.client.cookies.jar if cookie.name == "passerelle"]
    assert known not in given[-1:]
    with httpx.Client(base_url=victim.instance.url, cookies={"passerelle": known}, trust_env=False) as fixed:
        assert fixed.get("/account").headers["location"] == "/sign-in"


def test_signing_in_again_ends_the_former_session(victim: Visitor, pds: Pds, alice: Account) -> None:
    """A session token that was read before a sign-in is worth nothing after it."""
    victim.sign_in(pds, alice)
    former = victim.client.cookies["passerelle"]
    victim.send("/account", "/account/sign-out", where="here")
    victim.sign_in(pds, alice)
    assert victim.client.cookies["passerelle"] != former
    with httpx.Client(base_url=victim.instance.url, cookies={"passerelle": former}, trust_env=False) as old:
        assert old.get("/account").status_code == 303


def test_cookies_are_for_us_alone(victim: Visitor, pds: Pds, alice: Account) -> None:
    answer = victim.get(victim.way_back(pds, alice))
    cookie = next(line for line in answer.headers.get_list("set-cookie") if line.startswith("passerelle="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Domain" not in cookie


@pytest.mark.parametrize("path", MEMBER_PAGES)
def test_nobody_sees_pages_of_members(attacker: Visitor, path: str) -> None:
    answer = attacker.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert "no-store" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}],
)
def test_a_form_of_another_site(victim: Visitor, pds: Pds, alice: Account, headers: dict[str, str]) -> None:
    """Another site has the victim's browser send our form, with a token that it found out somehow."""
    victim.sign_in(pds, alice)
    token = re.search(r'name="form_token" value="(\w+)"', victim.get("/account/leave").text)
    assert token is not None
    forged = victim.client.post(
        "/account/leave", data={"form_token": token[1], "sure": "yes"}, headers=headers
    )
    assert forged.status_code == 403
    assert victim.get("/account").status_code == 200


def test_a_form_with_the_token_of_another_member(
    victim: Visitor, attacker: Visitor, pds: Pds, alice: Account
) -> None:
    """The attacker's own token is put into a form that the victim's browser sends."""
    victim.sign_in(pds, alice)
    attacker.sign_in(pds, pds.create_account())
    token = re.search(r'name="form_token" value="(\w+)"', attacker.get("/account/leave").text)
    assert token is not None
    for fields in ({"form_token": token[1]}, {"form_token": ""}, {}):
        forged = victim.client.post("/account/leave", data={**fields, "sure": "yes"}, headers=SAME_ORIGIN)
        assert forged.status_code == 403


def test_what_belongs_to_another_member(
    victim: Visitor, attacker: Visitor, pds: Pds, x: FakeX, alice: Account
) -> None:
    """The attacker sends their own forms with the numbers of the victim's accounts and sessions."""
    victim.sign_in(pds, alice)
    attacker.sign_in(pds, pds.create_account())
    ids = re.findall(
        r"/account/accounts/([0-9a-f-]{36})/unlink|/account/accounts/([0-9a-f-]{36})/page",
        victim.get("/account").text,
    )
    account = next(part for pair in ids for part in pair if part)
    taken = attacker.send("/account", f"/account/accounts/{account}/unlink")
    assert taken.status_code == 409
    shown = attacker.send("/account", f"/account/accounts/{account}/page", shown="yes")
    assert shown.status_code == 409
    assert alice.handle in victim.get("/account").text


def test_two_members_claim_one_x_account(
    victim: Visitor, attacker: Visitor, pds: Pds, x: FakeX, alice: Account
) -> None:
    """Both post the sentence from the same X account: the first stays, the second waits for the moderators."""
    author = x.account("onlyone")
    victim.sign_in(pds, alice)
    victim.prove(x, author)
    assert "onlyone" in victim.get("/account/publish").text
    attacker.sign_in(pds, pds.create_account())
    attacker.prove(x, author)
    assert "moderators" in attacker.get("/account/prove").text
    assert attacker.get("/account/publish").status_code in {302, 303}
    assert "onlyone" in victim.get("/account/publish").text


def test_somebody_elses_post_and_a_sentence_of_another_member(
    victim: Visitor, attacker: Visitor, pds: Pds, x: FakeX, alice: Account
) -> None:
    """The attacker hands in the post with which the victim answers the victim's own sentence."""
    victim.sign_in(pds, alice)
    post = x.post(x.account("thevictim"), victim.sentence())
    attacker.sign_in(pds, pds.create_account())
    own, theirs = attacker.challenge(), victim.challenge()
    attacker.send("/account/prove", "/account/prove", challenge=own, post_url=post.url)
    attacker.instance.call(attacker.instance.worker.drain)
    assert "made for something else" in attacker.get("/account/prove").text
    stolen = attacker.send("/account/prove", "/account/prove", challenge=theirs, post_url=post.url)
    assert stolen.status_code == 409


def test_two_hundred_sign_in_starts_a_minute(module_dsn: str, data: Path, pds: Pds) -> None:
    """One address has us ask the servers of others, over and over: refused as it comes, before anybody is asked.
    A person reads when to try again, and other addresses sign in meanwhile."""
    with (
        member_instance(
            module_dsn, data, pds=pds, jobs=False, rate_sign_ins_per_minute=20, trusted_proxies=1
        ) as limited,
        Visitor(limited) as visitor,
        Visitor(limited) as neighbour,
    ):
        visitor.client.headers["x-forwarded-for"] = "192.0.2.1"
        form = {"form_token": visitor.form_token("/sign-in"), "account": "no account"}
        answers = [visitor.client.post("/sign-in", data=form, headers=CLOSING) for _ in range(200)]
        neighbour.client.headers["x-forwarded-for"] = "192.0.2.2"
        assert neighbour.way_back(pds, pds.create_account())
        # Looking around costs nothing of it.
        assert visitor.get("/sign-in").status_code == 200
    statuses = [answer.status_code for answer in answers]
    assert statuses[:20] == [400] * 20
    assert statuses.count(429) >= 178, "a few more at most, where the minute turns meanwhile"
    refused = answers[-1]
    # As the minute turns, all of the next one and a twentieth of the one after, until one more fits.
    assert 1 <= int(refused.headers["retry-after"]) <= 63
    assert "That was a little fast" in refused.text
    assert "Wait a minute and try again; nothing was lost." in refused.text


def test_leaving_revokes_the_permission_and_forgets_everything(
    victim: Visitor, pds: Pds, x: FakeX, alice: Account
) -> None:
    """After an erasure nothing of the member is left in any table, nor a session at their network."""
    victim.sign_in(pds, alice)
    victim.prove(x, x.account("leaver"))
    receipt = victim.send("/account/leave", "/account/leave", sure="yes")
    assert receipt.status_code == 200
    assert "You have left" in receipt.text
    assert victim.get("/account").status_code == 303
    victim.instance.call(victim.instance.worker.drain)

    async def count() -> int:
        async with victim.instance.database.connection() as connection:
            outstanding = await connection.fetchval("SELECT count(*) FROM revocation")
            left = await connection.fetchval(
                "SELECT count(*) FROM linked_account WHERE account_id = $1", alice.did
            )
        return int(outstanding) + int(left)

    assert victim.instance.call(count) == 0
