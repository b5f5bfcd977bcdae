"""Every address of an instance is known to take an account, an archive or neither."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar.routes import HTTPRoute

from tests.cases.doors import ACCOUNTS_AT, ARCHIVES_AT, TAKES_NEITHER
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_x import FakeX
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.worlds import client_of
from web.app import create_litestar


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, x: FakeX, internet: FakeInternet) -> Iterator[MemberInstance]:
    """With all that an instance can have: members, follows, peers."""
    with member_instance(
        module_dsn, data, x=x, open_client=client_of(internet), jobs=False, log="by hand"
    ) as running:
        yield running


def test_a_new_address_says_what_it_takes(instance: MemberInstance) -> None:
    """Whoever adds an address names it in `tests.cases.doors`: with its door, or as one that takes neither."""
    app = create_litestar(instance.services)
    found = {route.path for route in app.routes if isinstance(route, HTTPRoute)}
    known = {*ACCOUNTS_AT, *ARCHIVES_AT, *TAKES_NEITHER}
    assert found == {each for each in known if each.startswith("/")}
    assert not TAKES_NEITHER & {*ACCOUNTS_AT, *ARCHIVES_AT}
