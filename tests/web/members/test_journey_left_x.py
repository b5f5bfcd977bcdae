"""Somebody who has left X: what they are told still works, and that it does."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.fake_x import FakeX
from tests.peers.pds import Pds
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import Visitor

HREF = re.compile(r'<a[^>]* href="([^"]+)"')


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, pds: Pds, x: FakeX) -> Iterator[MemberInstance]:
    with member_instance(module_dsn, data, pds=pds, x=x, jobs=False) as running:
        yield running


def main_of(visitor: Visitor, path: str) -> str:
    answer = visitor.get(path)
    assert answer.status_code == 200
    return answer.text.partition("<main")[2].partition("</main>")[0]


def test_the_way_there_and_on(visitor: Visitor, pds: Pds) -> None:
    """From the pages on which somebody notices it; every link of the page leads on, signed in or not."""
    assert 'href="/left-x"' in main_of(visitor, "/sign-in")
    before = HREF.findall(main_of(visitor, "/left-x"))
    assert "/sign-in" in before
    assert [visitor.get(path).status_code for path in before] == [200] * len(before)
    visitor.sign_in(pds, pds.create_account())
    assert 'href="/left-x"' in main_of(visitor, "/account/prove")
    after = HREF.findall(main_of(visitor, "/left-x"))
    assert "/sign-in" not in after
    assert "/account/prove" in after
    assert [visitor.get(path).status_code for path in after] == [200] * len(after)


def test_no_account_on_x(visitor: Visitor, pds: Pds, x: FakeX) -> None:
    """They look others up without signing in; signed in, they have a page, and nothing is published of them."""
    with Visitor(visitor.instance) as other:
        other.sign_in(pds, friend := pds.create_account())
        other.prove(x, x.account("afriend"))
        other.publish()
    page = main_of(visitor, "/left-x")
    assert "You never had an account on X" in page
    assert "you need no membership to look people up" in page
    assert friend.handle in main_of(visitor, "/x/afriend")

    account = pds.create_account()
    visitor.sign_in(pds, account)
    assert "first show that the X account is yours" in main_of(visitor, "/account")
    assert visitor.get("/account/publish").headers["location"] == "/account/prove"
    (number,) = re.findall(r"/account/accounts/([0-9a-f-]{36})/page", visitor.get("/account").text)
    visitor.send("/account", f"/account/accounts/{number}/page", shown="yes")
    shown = main_of(visitor, f"/m/{account.handle}")
    assert f'href="https://bsky.app/profile/{account.did}"' in shown
    assert "This account was proven" in shown
    assert visitor.get(f"/api/v1/reverse?account={account.did}").json()["answers"] == []


def test_only_the_name_is_left(visitor: Visitor, pds: Pds, x: FakeX) -> None:
    """Somebody else has the name now, or the account cannot be entered: what was once posted there proves nothing,
    and whoever had the name is told so, and why."""
    page = main_of(visitor, "/left-x")
    assert "All you have left is the name" in page
    assert "we would rather say nothing than send people to a stranger" in page
    visitor.sign_in(pds, pds.create_account())
    visitor.sentence()
    visitor.hand_in(x.post(x.account("takenover"), "What I wrote when this was still mine."))
    assert "does not hold our sentence" in main_of(visitor, "/account/prove")
    assert visitor.get("/account/publish").headers["location"] == "/account/prove"
    assert visitor.get("/api/v1/lookup?x=takenover").json()["answers"] == []


def test_still_able_to_sign_in_to_x(visitor: Visitor, pds: Pds, x: FakeX) -> None:
    """An account that nobody uses any more is proven like any other, and may be left then: what is published stays
    when the post, or the whole account, is gone."""
    assert "You can still sign in to X" in main_of(visitor, "/left-x")
    account, author = pds.create_account(), x.account("lastpost")
    visitor.sign_in(pds, account)
    post = x.post(author, visitor.sentence())
    visitor.hand_in(post)
    visitor.publish()
    x.delete(post)
    author.is_suspended = True

    async def make_due() -> None:
        async with visitor.instance.database.connection() as connection:
            await connection.execute("UPDATE linked_account SET recheck_at = now() WHERE handle = 'lastpost'")

    visitor.instance.call(make_due)
    visitor.instance.call(visitor.instance.worker.drain)
    answers = visitor.get("/api/v1/lookup?x=lastpost").json()["answers"]
    assert [answer["id"] for answer in answers] == [account.did]
    assert "could not be seen lately" in main_of(visitor, "/account")
