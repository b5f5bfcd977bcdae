"""A member at the page of a plan, what they press there, and what is kept of it."""

import re
from typing import Final
from uuid import UUID

import httpx

from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_mastodon.visitor import agree
from tests.web.members.instance import MemberInstance
from tests.web.members.visitors import SAME_ORIGIN, Visitor
from tests.web.members.worlds import fetch

PATH: Final = "/account/follow"
PAIRS: Final = "1,ann,f\n2,bob,f\n3,cat,f\n4,dan,fb\n5,eve,r\n"


class Follower(Visitor):
    """A member whose one account is at the Mastodon server."""

    def __init__(self, instance: MemberInstance, acct: str) -> None:
        super().__init__(instance)
        self.acct = acct


def press(visitor: Follower, pairs: str = PAIRS, **fields: str) -> httpx.Response:
    """Presses a button of the plan."""
    given = {"form_token": visitor.form_token(PATH), "pairs": pairs, **fields}
    return visitor.client.post(PATH, data=given, headers=SAME_ORIGIN)


def member_of(instance: MemberInstance, visitor: Follower) -> UUID:
    rows = fetch(instance, "SELECT member FROM linked_account WHERE handle = $1", visitor.acct)
    return UUID(str(rows[0]["member"]))


def tokens(instance: MemberInstance, visitor: Follower) -> int:
    sql = "SELECT 1 FROM token t JOIN linked_account a ON a.id = t.account WHERE a.handle = $1"
    return len(fetch(instance, sql, visitor.acct))


def start(instance: MemberInstance, internet: FakeInternet, visitor: Follower, pairs: str = PAIRS) -> UUID:
    """Starts a run, and permits it at the server; the run."""
    leaving = press(visitor, pairs, do="start")
    assert leaving.status_code == 200, leaving.text
    url = leaving.headers["refresh"].partition("url=")[2]
    back = agree(internet, url, visitor.acct)
    landed = visitor.get(back.removeprefix(instance.settings.base_url))
    assert landed.status_code == 303, landed.text
    found = re.fullmatch(r"/account/runs/([0-9a-f-]{36})\?said=permitted", landed.headers["location"])
    assert found, landed.headers["location"]
    return UUID(found[1])
