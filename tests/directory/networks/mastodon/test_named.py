"""Who signed in is compared with who was typed, and an account that moved is noticed."""

import pytest

from directory.identifiers import Acct
from tests.directory.networks.mastodon.signing_in import Instance
from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response
from tests.harness.fake_mastodon.profiles import GOTOSOCIAL, STRICT, TAKAHE, Profile
from tests.harness.fake_mastodon.site import FakeServer


@pytest.mark.parametrize(
    "typed",
    [
        "alice@social.test",
        "@Alice@Social.test",
        "acct:alice@social.test",
        "https://social.test/@alice",
        "https://social.test/@ALICE",
        "https://social.test/users/alice",
    ],
)
async def test_another_account_than_was_typed_is_told(
    internet: FakeInternet, instance: Instance, typed: str
) -> None:
    """The browser is still signed in as bob at that server: it went on as bob, without a word."""
    FakeServer.at(internet, "social.test", accounts=["alice", "bob"], now=instance.now)
    assert (await instance.signed_in(typed, "alice")).instead_of is None
    done = await instance.signed_in(typed, "bob")
    assert str(done.account.handle) == "bob@social.test"
    assert done.instead_of is not None
    assert "alice" in done.instead_of.lower()


@pytest.mark.parametrize("typed", ["social.test", "https://social.test", "https://social.test/"])
async def test_a_server_names_nobody(internet: FakeInternet, instance: Instance, typed: str) -> None:
    FakeServer.at(internet, "social.test", accounts=["alice", "bob"], now=instance.now)
    assert (await instance.signed_in(typed, "bob")).instead_of is None


@pytest.mark.parametrize("typed", ["@zoe@acct.test", "@zoe@web.test", "https://web.test/@zoe"])
async def test_an_account_is_itself_under_either_domain(
    internet: FakeInternet, instance: Instance, typed: str
) -> None:
    """On a server whose addresses are on another domain, people write either."""
    FakeServer.at(
        internet, "web.test", GOTOSOCIAL, domain="acct.test", accounts=["zoe", "bob"], now=instance.now
    )
    assert (await instance.signed_in(typed, "zoe")).instead_of is None
    assert (await instance.signed_in(typed, "bob")).instead_of is not None


async def test_a_name_that_leads_nowhere_now_is_not_who_signed_in(
    internet: FakeInternet, instance: Instance
) -> None:
    server = FakeServer.at(internet, "social.test", TAKAHE, accounts=["alice", "bob"], now=instance.now)
    started = await instance.start("@alice@social.test")
    back = await instance.visit(started, "bob")
    server.accounts = [each for each in server.accounts if each.user == "bob"]
    assert (await instance.finish(started, back)).instead_of == "alice@social.test"


@pytest.mark.parametrize("profile", STRICT, ids=lambda profile: profile.name)
async def test_an_account_that_moved_is_noticed(
    internet: FakeInternet, instance: Instance, profile: Profile
) -> None:
    """The server says so in the very answer that names who signed in, and it was not read."""
    old = FakeServer.at(internet, "social.test", profile, now=instance.now)
    new = FakeServer.at(internet, "new.test", accounts=["carol"], now=instance.now)
    assert (await instance.signed_in("@alice@social.test")).moved_to is None
    old.move("alice", new, "carol")
    assert (await instance.signed_in("@alice@social.test")).moved_to == Acct("carol", "new.test")


async def test_a_move_within_one_server_names_no_domain(internet: FakeInternet, instance: Instance) -> None:
    server = FakeServer.at(
        internet, "web.test", domain="acct.test", accounts=["zoe", "bob"], now=instance.now
    )
    server.move("zoe", server, "bob")
    moving = server.account("zoe")
    assert moving is not None
    moving.moved = "bob"
    assert (await instance.signed_in("@zoe@acct.test", "zoe")).moved_to == Acct("bob", "acct.test")


@pytest.mark.parametrize(
    "moved",
    [
        None,
        False,
        "",
        [],
        {},
        "carol@new.test",
        {"acct": 5},
        {"acct": "no account"},
        {"acct": "ALICE"},
        {"acct": "alice@social.test"},
        {"username": "carol"},
    ],
)
async def test_what_is_no_move_keeps_nobody_out(
    internet: FakeInternet, instance: Instance, moved: object
) -> None:
    """Servers differ in what they give for an account that did not move."""
    server = FakeServer.at(internet, "social.test", now=instance.now)

    def answer(request: Request) -> Response:
        return Response.json(
            {"username": "alice", "acct": "alice", "uri": "https://social.test/users/alice", "moved": moved}
        )

    server.broken["/api/v1/accounts/verify_credentials"] = answer
    assert (await instance.signed_in("@alice@social.test")).moved_to is None
