"""From an archive to a follow, of people whose servers have other names than their addresses, or names beyond ASCII."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
import pytest

from directory.identifiers import Acct, ActorUri
from tests.harness.clock import FakeClock
from tests.harness.fake_mastodon.flavours import MASTODON
from tests.harness.fake_mastodon.home import ACCESS, Home, Person
from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response
from tests.harness.fake_x import FakeX
from tests.harness.mappings import mastodon
from tests.web.archives import following, zip_bytes
from tests.web.members.follow_worlds import find
from tests.web.members.follows.pressing import PATH, Follower, start
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import SAME_ORIGIN
from tests.web.members.worlds import HOST, client_of

ADDRESSES: Final = {
    "zoe": ("xn--mnchen-3ya.test", "xn--mnchen-3ya.test", "m\u00fcnchen.test"),
    "bob": ("split.test", "social.split.test", ""),
    "ida": ("xn--bcher-kva.test", "social.xn--bcher-kva.test", "b\u00fccher.test"),
}
"""The domain of each address, its server, and how servers show the domain where that is beyond ASCII."""


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, internet: FakeInternet, x: FakeX) -> Iterator[MemberInstance]:
    with member_instance(
        module_dsn, data, x=x, open_client=client_of(internet), jobs=False, log="by hand"
    ) as running:
        for number, (user, (domain, server, _)) in enumerate(ADDRESSES.items(), 1):
            said = mastodon(user, number)
            actor = ActorUri.parse(f"https://{server}/users/{user}")
            find(
                running,
                [msgspec.structs.replace(said, target_id=actor, target_handle=Acct(user, domain))],
            )
        yield running


@pytest.fixture
def people(internet: FakeInternet, member: Follower) -> dict[str, Person]:
    """The API of the member's own server, which asked nobody about these people before."""
    sign_in = internet.sites[HOST]
    home = Home.at(internet, HOST, MASTODON, FakeClock())
    known = {
        user: home.add(f"{user}@{domain}", web=server, shown_host=shown, is_seen=False)
        for user, (domain, server, shown) in ADDRESSES.items()
    }

    def answer(request: Request) -> Response:
        is_own = request.path.endswith(("/verify_credentials", "/webfinger"))
        if is_own or not request.path.startswith("/api/v1/accounts/"):
            return sign_in(request)
        return home(replace(request, headers={**request.headers, "authorization": f"Bearer {ACCESS}"}))

    internet.sites[HOST] = answer
    return known


def test_they_are_found_planned_and_followed_once(
    instance: MemberInstance, internet: FakeInternet, member: Follower, people: dict[str, Person]
) -> None:
    archive = {"data/following.js": following("1", "2", "3")}
    pasted = member.client.post(
        PATH,
        data={"form_token": member.form_token(PATH)},
        files={"files": ("twitter.zip", zip_bytes(archive))},
        headers=SAME_ORIGIN,
    ).text
    assert "3 people to follow" in pasted
    run = start(instance, internet, member, "1,,f\n2,,f\n3,,f\n")
    for _ in range(8):
        instance.call(instance.worker.drain)
    page = member.get(f"/account/runs/{run}").text
    assert {user: person.follows for user, person in people.items()} == dict.fromkeys(ADDRESSES, 1)
    assert "3 of 3 people" in page
    for user, (domain, _, _) in ADDRESSES.items():
        assert f"{user}@{domain}" in page
