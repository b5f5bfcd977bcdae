"""What a person reads whose server looks at no code, before they type a password there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_mastodon.profiles import SNAC
from tests.harness.fake_mastodon.site import FakeServer
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import Visitor
from tests.web.members.worlds import client_of, fetch


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, internet: FakeInternet) -> Iterator[MemberInstance]:
    with member_instance(module_dsn, data, open_client=client_of(internet), jobs=False) as running:
        yield running


def test_nobody_is_sent_there(instance: MemberInstance, internet: FakeInternet) -> None:
    """No visit is begun, nothing of the server is kept, and the page says what to do."""
    FakeServer.at(internet, "lenient.test", SNAC, accounts=["alice"])
    with Visitor(instance) as visitor:
        answer = visitor.send("/sign-in", "/sign-in", account="@alice@lenient.test")
    assert (answer.status_code, "refresh" in answer.headers) == (400, False)
    assert "Your server does not check who comes back" in answer.text
    assert "please use another account" in answer.text
    assert 'value="@alice@lenient.test"' in answer.text
    assert fetch(instance, "SELECT FROM sign_in") == []
    assert fetch(instance, "SELECT FROM mastodon_app") == []
