"""Leaving while a job of the member's is under way: it ends quietly, and brings nothing of them back."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response
from tests.harness.fake_mastodon.site import FakeServer
from tests.harness.fake_x import FakeX, Held
from tests.peers.pds import Account, Pds
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.traces import tables_that_name
from tests.web.members.visitors import Visitor
from tests.web.members.worlds import HOST, client_of, enrol, fetch

REACHED_S = 20


@pytest.fixture(scope="module")
def instance(
    module_dsn: str, data: Path, pds: Pds, x: FakeX, internet: FakeInternet
) -> Iterator[MemberInstance]:
    """Its jobs are done when a test says so, on the server's own loop."""
    with member_instance(
        module_dsn, data, pds=pds, x=x, open_client=client_of(internet), jobs=False
    ) as running:
        yield running


@contextmanager
def job_under_way(held: Held, work: Callable[[], object]) -> Iterator[None]:
    """A job that waits for somebody else's answer for as long as the block lasts, and then ends, without a word."""
    with capture_logs() as said:
        jobs = threading.Thread(target=work)
        jobs.start()
        try:
            assert held.reached.wait(REACHED_S)
            yield
        finally:
            held.release()
            jobs.join()
    assert [line for line in said if line["log_level"] in {"warning", "error"}] == []


def do_jobs(instance: MemberInstance) -> None:
    instance.call(instance.worker.drain)


def leave(visitor: Visitor) -> None:
    assert "You have left" in visitor.send("/account/leave", "/account/leave", sure="yes").text


def test_a_post_is_being_looked_at(visitor: Visitor, pds: Pds, x: FakeX, alice: Account) -> None:
    """X answers after the member has left: the post is right, and there is nobody to whom it could prove anything."""
    visitor.sign_in(pds, alice)
    post = x.post(x.account("midway"), visitor.sentence())
    with job_under_way(x.hold("syndication"), lambda: visitor.hand_in(post)):
        leave(visitor)
    assert tables_that_name(visitor.instance, alice.did, alice.handle, "midway") == set()


def test_a_post_is_being_looked_at_and_the_person_comes_back(
    visitor: Visitor, pds: Pds, x: FakeX, alice: Account
) -> None:
    """The same person is a new member at once: what the former one handed in proves nothing for the new one."""
    visitor.sign_in(pds, alice)
    post = x.post(x.account("returner"), visitor.sentence())
    with job_under_way(x.hold("syndication"), lambda: visitor.hand_in(post)):
        leave(visitor)
        visitor.sign_in(pds, alice)
    assert visitor.get("/account/publish").headers["location"] == "/account/prove"
    assert tables_that_name(visitor.instance, "returner") == set()
    leave(visitor)


def test_a_published_post_is_being_looked_at_again(
    visitor: Visitor, pds: Pds, x: FakeX, alice: Account
) -> None:
    visitor.sign_in(pds, alice)
    visitor.prove(x, x.account("seenagain"))
    visitor.publish()
    fetch(visitor.instance, "UPDATE linked_account SET recheck_at = now() WHERE recheck_at IS NOT NULL")
    with job_under_way(x.hold("syndication"), lambda: do_jobs(visitor.instance)):
        leave(visitor)
        assert visitor.get("/api/v1/lookup?x=seenagain").json()["answers"] == []
    visitor.instance.call(visitor.instance.announce)
    assert visitor.get("/api/v1/lookup?x=seenagain").json()["answers"] == []
    assert tables_that_name(visitor.instance, alice.did, alice.handle, "seenagain") == set()


def test_a_permission_is_being_given_back(
    visitor: Visitor, pds: Pds, internet: FakeInternet, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One account was unlinked a moment ago, its server is slow: the other's permission is given back as well."""
    instance, name = visitor.instance, enrol(internet, "slow")
    visitor.sign_in(pds, alice)
    visitor.sign_in_at_mastodon(internet, name, "/account")
    (row,) = fetch(instance, "SELECT id FROM linked_account WHERE handle = $1", name)
    visitor.send("/account", f"/account/accounts/{row['id']}/unlink")
    held, server = Held(), internet.sites[HOST]
    assert isinstance(server, FakeServer)
    answer_later(server, held, monkeypatch)
    with job_under_way(held, lambda: do_jobs(instance)):
        leave(visitor)
    (token,) = [each for each in server.oauth.tokens if each.user == name]
    assert token.is_revoked
    do_jobs(instance)
    assert fetch(instance, "SELECT FROM revocation") == []
    assert tables_that_name(instance, alice.did, alice.handle, name) == set()


def answer_later(server: FakeServer, held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server keeps what it is asked to revoke until it is released."""

    def later(request: Request) -> Response:
        held.wait()
        return server._revoke(request)

    monkeypatch.setitem(server.broken, "/oauth/revoke", later)
