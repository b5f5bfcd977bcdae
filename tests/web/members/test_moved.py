"""What becomes of a published mapping when its Mastodon account moves, or gets another address."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.harness.fake_mastodon.internet import FakeInternet, Response
from tests.harness.fake_mastodon.profiles import GOTOSOCIAL
from tests.harness.fake_mastodon.site import Account, FakeServer
from tests.harness.fake_x import FakeX
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import Visitor
from tests.web.members.worlds import client_of, fetch

NUMBERS: Final = itertools.count()
"""Each test has servers of its own: the instance stays registered at those it knows."""


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, internet: FakeInternet, x: FakeX) -> Iterator[MemberInstance]:
    client = client_of(internet)
    with member_instance(module_dsn, data, x=x, open_client=client, jobs=False) as running:
        yield running


@pytest.fixture
def old(internet: FakeInternet) -> FakeServer:
    """The server that people move away from, with nobody there."""
    return FakeServer.at(internet, f"old{next(NUMBERS)}.test", accounts=[])


@pytest.fixture
def new(internet: FakeInternet) -> FakeServer:
    return FakeServer.at(internet, f"new{next(NUMBERS)}.test", accounts=[])


def publish_from(
    visitor: Visitor, internet: FakeInternet, x: FakeX, server: FakeServer, user: str
) -> Account:
    """A member of that server, found by their name on X."""
    account = Account(user, server.domain)
    server.accounts.append(account)
    signed_in = visitor.sign_in_at_mastodon(internet, f"{user}@{server.domain}")
    assert signed_in.status_code == 303, signed_in.text
    visitor.prove(x, x.account(user))
    visitor.publish()
    assert found(visitor, user) == [(server.actor(account), f"{user}@{server.domain}")]
    return account


def found(visitor: Visitor, x_handle: str) -> list[tuple[str, str]]:
    answers = visitor.get(f"/api/v1/lookup?x={x_handle}").json()["answers"]
    return [(answer["id"], answer["handle"]) for answer in answers]


def look_again(instance: MemberInstance) -> None:
    """Sixty days on: the jobs look at all that is published, and what they say anew answers."""
    fetch(instance, "UPDATE linked_account SET recheck_at = now() WHERE recheck_at IS NOT NULL")
    instance.call(instance.worker.drain)
    instance.call(instance.announce)


def health(instance: MemberInstance, handle: str) -> tuple[int, int]:
    """How the account of a handle is known to be, and of how many attempts at the present look."""
    (row,) = fetch(
        instance,
        "SELECT health, recheck_attempts FROM linked_account WHERE handle = $1 AND network = 2",
        handle,
    )
    return row["health"], row["recheck_attempts"]


def confirm_doubt(instance: MemberInstance) -> None:
    """A day after a doubt: the jobs look again."""
    fetch(instance, "UPDATE linked_account SET health_since = now() - interval '25 hours' WHERE health = 2")
    look_again(instance)


def told(server: FakeServer, user: str) -> str:
    """What the pages say of an account that moved."""
    return f"This account has moved to @{user}@{server.domain}: link that one."


def is_refused(visitor: Visitor, sentence: str) -> bool:
    """Whether the account is shown with the sentence, cannot be chosen, and is published by no form made by hand."""
    page = visitor.get("/account/publish").text
    field = re.search(r'type="radio"[^>]*?name="([^"]+)"[^>]*?value="([0-9a-f-]{36})"[^>]*?disabled', page)
    if sentence not in page or field is None:
        return False
    sent = visitor.send("/account/publish", "/account/publish", **{field[1]: field[2], "consent": "1"})
    return sent.status_code == 409 and "link the new one, and publish that" in sent.text


def test_a_moved_account_is_noticed_at_sign_in(
    visitor: Visitor, internet: FakeInternet, x: FakeX, old: FakeServer, new: FakeServer
) -> None:
    """She signed in with the account that she had left, and was found there by everybody, for as long as nobody
    looked."""
    old.accounts.append(Account("gus", old.domain))
    acct = f"gus@{old.domain}"
    assert visitor.sign_in_at_mastodon(internet, acct).status_code == 303
    visitor.prove(x, x.account("gus"))
    new.accounts.append(Account("carol", new.host))
    old.move("gus", new, "carol")
    assert visitor.sign_in_at_mastodon(internet, acct, page="/account").status_code == 303
    assert told(new, "carol") in visitor.get("/account").text
    assert is_refused(visitor, told(new, "carol"))
    assert found(visitor, "gus") == []
    refused = visitor.send("/account/prove/sentence", "/account/prove/new")
    assert (refused.status_code, "link the new one" in refused.text) == (409, True), "no sentence names it"
    visitor.sign_in_at_mastodon(internet, f"carol@{new.host}", page="/account")
    visitor.sentence()
    moving = old.account("gus")
    assert moving is not None
    moving.moved = moving.moved_actor = None
    visitor.sign_in_at_mastodon(internet, acct, page="/account")
    assert told(new, "carol") not in visitor.get("/account").text, "a sign-in renews what is known"


def test_a_move_that_is_noticed_at_sign_in_is_looked_at_at_once(
    visitor: Visitor, internet: FakeInternet, x: FakeX, old: FakeServer, new: FakeServer
) -> None:
    """It makes the re-check due now, not in up to sixty days."""
    publish_from(visitor, internet, x, old, "hugo")
    new.accounts.append(Account("hugo", new.host))
    old.move("hugo", new, "hugo")
    visitor.sign_in_at_mastodon(internet, f"hugo@{old.domain}", page="/account")
    visitor.instance.call(visitor.instance.worker.drain)
    assert health(visitor.instance, f"hugo@{old.domain}")[0] == 2, "in doubt: nobody follows it unseen"
    confirm_doubt(visitor.instance)
    assert found(visitor, "hugo") == []
    assert told(new, "hugo") in visitor.get("/account").text


def test_a_move_carries_no_mapping_along(
    visitor: Visitor, internet: FakeInternet, x: FakeX, old: FakeServer, new: FakeServer
) -> None:
    """Mallory buys the domain of a dead server, answers for its accounts, and says that they moved to hers, which
    agrees: the followers went there unseen. What moved is withdrawn once that was seen twice; the member proves the
    new account."""
    account = publish_from(visitor, internet, x, old, "alice")
    new.accounts.append(Account("alice2", new.host))
    old.move("alice", new, "alice2")
    look_again(visitor.instance)
    assert health(visitor.instance, f"alice@{old.host}")[0] == 2, (
        "in doubt: nothing is withdrawn on one answer"
    )
    assert found(visitor, "alice") == [(old.actor(account), f"alice@{old.host}")]
    confirm_doubt(visitor.instance)
    assert found(visitor, "alice") == []
    assert health(visitor.instance, f"alice@{old.host}")[0] == 0, "the account is still the member's"
    page = visitor.get("/account").text
    assert told(new, "alice2") in page


def test_a_move_that_only_the_old_one_says(
    visitor: Visitor, internet: FakeInternet, x: FakeX, old: FakeServer, new: FakeServer
) -> None:
    """Whoever gets at the old account for a minute could make a stranger the member."""
    account = publish_from(visitor, internet, x, old, "bea")
    new.accounts.append(Account("stranger", new.host))
    old.move("bea", new, "stranger", is_confirmed=False)
    look_again(visitor.instance)
    assert found(visitor, "bea") == [(old.actor(account), f"bea@{old.host}")]
    assert health(visitor.instance, f"bea@{old.host}") == (0, 0)
    assert told(new, "stranger") in visitor.get("/account").text, "it is said, and not published anew"
    assert is_refused(visitor, told(new, "stranger"))
    account.moved = account.moved_actor = None
    look_again(visitor.instance)
    assert told(new, "stranger") not in visitor.get("/account").text


def test_a_move_that_only_the_new_one_says(
    visitor: Visitor, internet: FakeInternet, x: FakeX, old: FakeServer, new: FakeServer
) -> None:
    """Mallory writes the victim's account among her former ones."""
    account = publish_from(visitor, internet, x, old, "cleo")
    new.accounts.append(Account("mallory", new.host, aliases=[old.actor(account)]))
    look_again(visitor.instance)
    assert found(visitor, "cleo") == [(old.actor(account), f"cleo@{old.host}")]


def test_an_address_that_passed_to_somebody_else(
    visitor: Visitor, internet: FakeInternet, x: FakeX, old: FakeServer, new: FakeServer
) -> None:
    """The member left their server, and the name was given to Mallory, with an actor of her own. She says that
    she moved, to an account whose list of former ones names the member's actor: anybody can write it there."""
    account = publish_from(visitor, internet, x, old, "dora")
    former = old.actor(account)
    new.accounts.append(Account("mallory", new.host, aliases=[former]))
    hers = f"https://{old.host}/users/0002"
    link = {"rel": "self", "type": "application/activity+json", "href": hers}

    def finger(_: object) -> Response:
        return Response.json({"subject": f"acct:dora@{old.host}", "aliases": [hers], "links": [link]})

    old.broken["/.well-known/webfinger"] = finger
    old.broken["/api/v1/accounts/lookup"] = lambda _: Response.json(
        {"acct": "dora", "uri": hers, "moved": {"acct": f"mallory@{new.host}"}}
    )
    look_again(visitor.instance)
    assert found(visitor, "dora") == [(former, f"dora@{old.host}")], "one look takes nothing back"
    assert health(visitor.instance, f"dora@{old.host}")[0] == 2, "in doubt"
    fetch(
        visitor.instance,
        "UPDATE linked_account SET health_since = now() - interval '31 days', recheck_attempts = 30 WHERE health = 2",
    )
    look_again(visitor.instance)
    assert found(visitor, "dora") == []


def test_a_new_server_that_is_gone_takes_nothing_from_the_old_one(
    visitor: Visitor, internet: FakeInternet, x: FakeX, old: FakeServer
) -> None:
    """The account is where it was; that it names a home that nobody finds is no doubt of it."""
    account = publish_from(visitor, internet, x, old, "emma")
    account.moved = "emma@nowhere.test"
    internet.sites["nowhere.test"] = lambda _: Response(404)
    look_again(visitor.instance)
    assert found(visitor, "emma") == [(old.actor(account), f"emma@{old.host}")]
    assert health(visitor.instance, f"emma@{old.host}") == (0, 0)


def test_a_new_server_that_does_not_answer_now(
    visitor: Visitor, internet: FakeInternet, x: FakeX, old: FakeServer, new: FakeServer
) -> None:
    """It is asked again within the hour, and not in sixty days."""
    publish_from(visitor, internet, x, old, "fay")
    new.accounts.append(Account("fay", new.host))
    old.move("fay", new, "fay")
    new.broken["/users/fay"] = lambda _: Response(503)
    look_again(visitor.instance)
    assert found(visitor, "fay")[0][1] == f"fay@{old.host}"
    (row,) = fetch(
        visitor.instance,
        "SELECT recheck_at - now() < interval '2 hours' AS is_soon FROM linked_account WHERE handle = $1",
        f"fay@{old.host}",
    )
    assert row["is_soon"]
    del new.broken["/users/fay"]
    fetch(
        visitor.instance, "UPDATE host_backoff SET until = now() WHERE host = $1", new.host
    )  # the minute is over
    look_again(visitor.instance)
    assert health(visitor.instance, f"fay@{old.host}")[0] == 2
    confirm_doubt(visitor.instance)
    assert found(visitor, "fay") == []


def test_a_new_server_that_never_answers_again(
    visitor: Visitor, internet: FakeInternet, x: FakeX, old: FakeServer, new: FakeServer
) -> None:
    """Fault: for a month the old server answered at each look, and the new one at none. The old account counted as away: it
    was in doubt, and lapsed as soon as the new server answered."""
    publish_from(visitor, internet, x, old, "juno")
    new.accounts.append(Account("juno", new.host))
    old.move("juno", new, "juno")
    new.broken["/users/juno"] = lambda _: Response(503)
    for _ in range(6):
        fetch(visitor.instance, "UPDATE linked_account SET health_since = health_since - interval '7 days'")
        fetch(visitor.instance, "UPDATE host_backoff SET until = now()")
        look_again(visitor.instance)
    assert health(visitor.instance, f"juno@{old.host}")[0] == 1, "stale, and in no doubt"


def test_a_server_that_tells_strangers_nothing(visitor: Visitor, internet: FakeInternet, x: FakeX) -> None:
    """Its API and its actors are for other servers alone: the proof holds as long as the account is there."""
    server = FakeServer.at(internet, "closed.test", GOTOSOCIAL, accounts=[])
    publish_from(visitor, internet, x, server, "gina")
    look_again(visitor.instance)
    assert found(visitor, "gina")[0][1] == "gina@closed.test"
    assert health(visitor.instance, "gina@closed.test") == (0, 0)


def test_another_address_of_the_same_account(
    visitor: Visitor, internet: FakeInternet, x: FakeX, old: FakeServer
) -> None:
    """The server's people go by another domain now. The URI stays the key: no move, nobody has to agree."""
    account = publish_from(visitor, internet, x, old, "hana")
    actor = old.actor(account)
    old.domain = account.domain = "later.test"
    internet.sites["later.test"] = old.account_domain
    look_again(visitor.instance)
    assert found(visitor, "hana") == [(actor, "hana@later.test")]
    assert health(visitor.instance, "hana@later.test") == (0, 0)


def test_a_new_address_whose_domain_does_not_agree(
    visitor: Visitor, internet: FakeInternet, x: FakeX, old: FakeServer
) -> None:
    """The member's server says that they go by an address of somebody else's domain: that domain has to say so too."""
    account = publish_from(visitor, internet, x, old, "iris")
    actor = old.actor(account)
    FakeServer.at(internet, "bank.test", accounts=[])
    link = {"rel": "self", "type": "application/activity+json", "href": actor}
    old.broken["/.well-known/webfinger"] = lambda _: Response.json(
        {"subject": "acct:president@bank.test", "aliases": [], "links": [link]}
    )
    look_again(visitor.instance)
    assert found(visitor, "iris") == [(actor, f"iris@{old.host}")]
