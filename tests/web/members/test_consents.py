"""Consents over HTTP: each apart, in a version, given and taken back, with what taking back does."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from directory.identifiers import XHandle, XId
from directory.lived_time import DAYS_SEEN
from directory.members.consents import KEEP_FOR, PRESENT_VERSION, ConsentKind
from directory.queries import Lists, Query
from directory.services.follow_lists import FollowLists
from directory.store.follow_lists import FollowListStore
from tests.harness.clock import FakeClock
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_x import FakeX
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import SAME_ORIGIN, Visitor
from tests.web.members.worlds import client_of, enrol, fetch

PUBLISH, KEEP, NEWCOMERS = (kind.value for kind in ConsentKind)


@pytest.fixture
def clock(instance: MemberInstance) -> FakeClock:
    assert isinstance(instance.clock, FakeClock)
    return instance.clock


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, x: FakeX, internet: FakeInternet) -> Iterator[MemberInstance]:
    clock, client = FakeClock(datetime.now(UTC)), client_of(internet)
    # With an account of its own, so that messages are offered; nothing is sent here.
    own: dict[str, Any] = {"mastodon_account": "bot@bot.test", "mastodon_token_file": data / "mastodon"}
    with member_instance(
        module_dsn, data, x=x, clock=clock, open_client=client, jobs=False, **own
    ) as running:
        yield running


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """Somebody of this test's own."""
    return re.sub(r"\W|test_", "", request.node.name)[:28]


@pytest.fixture
def acct(user: str, internet: FakeInternet) -> str:
    return enrol(internet, user)


@pytest.fixture
def ada(instance: MemberInstance, internet: FakeInternet, acct: str) -> Iterator[Visitor]:
    """Signed in."""
    with Visitor(instance) as visitor:
        visitor.sign_in_at_mastodon(internet, acct)
        yield visitor


def answer_to(visitor: Visitor, kind: int, answer: str, version: int = 1) -> tuple[int, str]:
    """The status and the text of the page."""
    sent = visitor.send("/account", f"/account/consents/{kind}", version=str(version), answer=answer)
    return sent.status_code, unescape(sent.text)


END = ["No longer agree", "Yes, I no longer agree"]


def buttons(visitor: Visitor, kind: int) -> list[str]:
    """What can be pressed beside one consent."""
    page = visitor.get("/account").text
    card = page.partition(f'action="/account/consents/{kind}"')[2].partition("</li>")[0]
    return [found.strip() for found in re.findall(r"<(?:button|summary)[^>]*>([^<]+)<", card)]


def history(visitor: Visitor, acct: str) -> list[tuple[int, int, int | None]]:
    """Kind, version, and how it ended (1 withdrawn, 2 renewed, 3 expired), the oldest first."""
    rows = fetch(
        visitor.instance,
        "SELECT kind, version, ended_by FROM consent c JOIN linked_account a USING (member)"
        " WHERE a.handle = $1 ORDER BY c.id",
        acct,
    )
    return [(row["kind"], row["version"], row["ended_by"]) for row in rows]


def keep_list(visitor: Visitor, acct: str) -> None:
    ((member,),) = fetch(visitor.instance, "SELECT member FROM linked_account WHERE handle = $1", acct)

    async def keep() -> None:
        lists = FollowLists(FollowListStore(visitor.instance.database), visitor.instance.clock)
        await lists.keep(member, Lists.FOLLOWING, [Query(XId(12), XHandle("jack"), Lists.FOLLOWING)])

    visitor.instance.call(keep)


def has_list(visitor: Visitor, acct: str) -> bool:
    sql = "SELECT 1 FROM follow_list JOIN linked_account a USING (member) WHERE a.handle = $1"
    return bool(fetch(visitor.instance, sql, acct))


def is_found(visitor: Visitor, handle: str) -> bool:
    return bool(visitor.get(f"/api/v1/lookup?x={handle}").json()["answers"])


def test_each_is_given_and_taken_back_apart(ada: Visitor, acct: str) -> None:
    assert [buttons(ada, kind) for kind in (PUBLISH, KEEP, NEWCOMERS)] == [["Agree"]] * 3
    assert history(ada, acct) == [], "nothing is agreed to by signing in"
    assert answer_to(ada, KEEP, "yes")[0] == 303
    assert [buttons(ada, kind) for kind in (PUBLISH, KEEP, NEWCOMERS)] == [
        ["Agree"],
        ["Renew", *END],
        ["Agree"],
    ]
    answer_to(ada, NEWCOMERS, "yes")
    answer_to(ada, KEEP, "no")
    assert history(ada, acct) == [(KEEP, 1, 1), (NEWCOMERS, 1, None)]
    assert re.search(r"Agreed on [^<(]+\(version 1\)", ada.get("/account").text)
    assert answer_to(ada, KEEP, "no")[0] == 303, "taken back twice is taken back"
    assert history(ada, acct) == [(KEEP, 1, 1), (NEWCOMERS, 1, None)]


def test_publishing_ends_with_its_consent(ada: Visitor, x: FakeX, acct: str, user: str) -> None:
    """At once, and nothing else: the accounts, their proofs and the kept list stay."""
    handle = user[:15]
    answer_to(ada, KEEP, "yes")
    keep_list(ada, acct)
    ada.prove(x, x.account(handle))
    ada.publish()
    assert is_found(ada, handle)
    assert answer_to(ada, PUBLISH, "no")[0] == 303
    assert not is_found(ada, handle)
    page = ada.get("/account").text
    assert "Nothing yet." in page
    assert "Proven" in page
    assert has_list(ada, acct)
    assert history(ada, acct) == [(KEEP, 1, None), (PUBLISH, 1, 1)]
    form = ada.get("/account/publish").text
    assert 'name="consent"' in form, "it is asked for again"
    field, value = re.findall(r'name="([0-9a-f-]{36}:\w+)"[^>]*?value="([0-9a-f-]{36})"', form, re.DOTALL)[0]
    unasked = ada.send("/account/publish", "/account/publish", **{field: value})
    assert unasked.status_code == 409
    assert "nothing is published without your yes" in unasked.text
    assert not is_found(ada, handle)


def test_a_kept_list_goes_with_its_consent(ada: Visitor, x: FakeX, acct: str, user: str) -> None:
    handle = user[:15]
    ada.prove(x, x.account(handle))
    ada.publish()
    answer_to(ada, KEEP, "yes")
    keep_list(ada, acct)
    assert answer_to(ada, KEEP, "no")[0] == 303
    assert not has_list(ada, acct)
    assert is_found(ada, handle), "what is public stays"
    answer_to(ada, KEEP, "yes")
    assert not has_list(ada, acct), "the list has to be brought again"


def test_a_list_is_kept_for_a_year_and_renewed_for_another(
    ada: Visitor, acct: str, internet: FakeInternet, clock: FakeClock
) -> None:
    answer_to(ada, KEEP, "yes")
    keep_list(ada, acct)
    for _ in range(2):
        clock.advance(days=KEEP_FOR.days - 1)
        ada.instance.call(ada.instance.worker.drain)
        assert has_list(ada, acct)
        ada.client.cookies.clear()
        ada.sign_in_at_mastodon(internet, acct)
        answer_to(ada, KEEP, "yes")
    assert has_list(ada, acct)
    clock.advance(days=KEEP_FOR.days)
    ada.client.cookies.clear()
    ada.sign_in_at_mastodon(internet, acct)
    assert buttons(ada, KEEP) == ["Agree"], "it has run out by itself"
    for _ in range(DAYS_SEEN):  # a year in one step is believed after a week
        ada.instance.call(ada.instance.worker.drain)
        clock.advance(days=1)
    assert not has_list(ada, acct)
    assert history(ada, acct) == [(KEEP, 1, 2), (KEEP, 1, 2), (KEEP, 1, 3)]


def test_a_text_that_has_changed_is_to_be_read_again(
    ada: Visitor, acct: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page that lies open names the old text. What was agreed to before goes on; the new one is offered."""
    answer_to(ada, PUBLISH, "yes")
    monkeypatch.setitem(PRESENT_VERSION, ConsentKind.PUBLISH, 2)
    status, said = answer_to(ada, PUBLISH, "yes", version=1)
    assert status == 409
    assert "The text you agreed to has changed: please read it again." in said
    assert history(ada, acct) == [(PUBLISH, 1, None)]
    assert buttons(ada, PUBLISH) == ["Agree", *END]
    assert answer_to(ada, PUBLISH, "yes", version=2)[0] == 303
    assert history(ada, acct) == [(PUBLISH, 1, 2), (PUBLISH, 2, None)]
    assert buttons(ada, PUBLISH) == END


@pytest.mark.parametrize(
    ("path", "fields"),
    {
        "another version": (1, {"version": "7", "answer": "yes"}),
        "no version": (1, {"answer": "yes"}),
        "no number": (1, {"version": "one", "answer": "yes"}),
        "nothing that is asked": (9, {"version": "1", "answer": "yes"}),
    }.values(),
)
def test_what_was_not_shown_is_not_agreed_to(
    ada: Visitor, acct: str, path: int, fields: dict[str, str]
) -> None:
    assert ada.send("/account", f"/account/consents/{path}", **fields).status_code == 409
    assert history(ada, acct) == []


def test_only_a_plain_no_takes_back(ada: Visitor, acct: str) -> None:
    """A form that lost its answer on the way must not delete a list."""
    answer_to(ada, KEEP, "yes")
    keep_list(ada, acct)
    for fields in ({}, {"answer": ""}, {"answer": "perhaps"}):
        ada.send("/account", f"/account/consents/{KEEP}", version="1", **fields)
    forged = ada.client.post(f"/account/consents/{KEEP}", data={"answer": "no"}, headers=SAME_ORIGIN)
    assert forged.status_code == 403
    assert has_list(ada, acct)
    assert history(ada, acct) == [(KEEP, 1, None)]
