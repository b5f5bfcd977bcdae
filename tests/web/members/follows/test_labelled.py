"""The page of a plan over Bluesky's real AppView: faces of real profiles, and nobody whom its moderators warn of."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from directory.networks.bluesky.profiles import MODERATION
from tests.harness.fake_x import FakeX
from tests.peers.app_view import AppView, mapping_to
from tests.web.members.follow_worlds import PIXEL, find
from tests.web.members.follows.pressing import Follower, press
from tests.web.members.instance import MemberInstance, member_instance

PAIRS = "1,,f\n2,,f\n3,,f\n"
MAX_PRESSES = 20
"""A page waits for an answer for seconds alone, and this machine may be busy; what was told is kept."""


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, app_view: AppView, x: FakeX) -> Iterator[MemberInstance]:
    with member_instance(
        module_dsn, data, pds=app_view.pds, x=x, jobs=False, log="by hand", bluesky_app_view=app_view.url
    ) as running:
        yield running


@pytest.fixture
def member(instance: MemberInstance, app_view: AppView) -> Iterator[Follower]:
    account = app_view.pds.create_account()
    with Follower(instance, account.handle) as visitor:
        visitor.sign_in(app_view.pds, account)
        yield visitor


def test_faces_and_warnings(instance: MemberInstance, app_view: AppView, member: Follower) -> None:
    cat = app_view.create_account(PIXEL, displayName="Cat of the quay", description="Bread and bicycles")
    fake, gone = [app_view.create_account(displayName="Cat of the quay") for _ in range(2)]
    instance.call(lambda: app_view.label(fake.did, src=MODERATION, val="impersonation"))
    app_view.pds.delete_account(gone.did)
    app_view.wait_until(lambda: app_view.says_of(gone.did) != "shown")
    find(instance, [mapping_to(each, number) for number, each in enumerate((cat, fake, gone), 1)])
    assert "3 people to follow" in press(member, PAIRS).text
    pages = (press(member, PAIRS).text for _ in range(MAX_PRESSES))
    page = next(page for page in pages if "1 person to follow" in page)
    assert cat.handle in page
    assert "Cat of the quay" in page
    assert "Bread and bicycles" in page
    assert fake.handle not in page
    found = re.search(r'src="(/account/faces/[^"]+)"', page)
    assert found is not None
    picture = member.get(found[1])
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/webp")
    left = press(member, PAIRS, part="left-out").text
    assert (
        "The moderators of the network say that this account pretends to be somebody, or took it down."
        in left
    )
    assert "This account is gone." in left
