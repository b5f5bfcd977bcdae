"""What the jobs do for members, when a test says so: over a real PDS, and a fake X that fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.fake_x import SOURCES, Failure, FakeX
from tests.peers.pds import Account, Pds
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import Visitor


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, pds: Pds, x: FakeX) -> Iterator[MemberInstance]:
    with member_instance(module_dsn, data, pds=pds, x=x, jobs=False) as running:
        yield running


def make_due(instance: MemberInstance) -> None:
    async def run() -> None:
        async with instance.database.connection() as connection:
            await connection.execute(
                "UPDATE linked_account SET recheck_at = now() WHERE recheck_at IS NOT NULL"
            )

    instance.call(run)


def test_a_new_handle_is_noticed_and_said(visitor: Visitor, pds: Pds, x: FakeX, alice: Account) -> None:
    """The DID stays the key: what is public names the handle of today."""
    visitor.sign_in(pds, alice)
    visitor.prove(x, x.account("renamer"))
    visitor.publish()
    renamed = f"new{alice.handle}"
    pds.change_handle(alice, renamed)
    make_due(visitor.instance)
    visitor.instance.call(visitor.instance.worker.drain)
    visitor.instance.call(visitor.instance.announce)
    answers = visitor.get("/api/v1/lookup?x=renamer").json()["answers"]
    assert [(answer["id"], answer["handle"]) for answer in answers] == [(alice.did, renamed)]


def test_a_post_that_is_seen_again_holds(visitor: Visitor, pds: Pds, x: FakeX, alice: Account) -> None:
    """The challenge is kept for it, and the name on X may have changed meanwhile."""
    visitor.sign_in(pds, alice)
    author = x.account("stayer")
    visitor.prove(x, author)
    visitor.publish()
    make_due(visitor.instance)
    visitor.instance.call(visitor.instance.worker.drain)
    assert "Proven" in visitor.get("/account").text
    assert visitor.get("/api/v1/lookup?x=stayer").json()["answers"]


def test_silence_of_x_refutes_nothing(visitor: Visitor, pds: Pds, x: FakeX, alice: Account) -> None:
    """402, 403, 404 and `{}` from every source: the member reads what goes on, and the check goes on."""
    visitor.sign_in(pds, alice)
    for source in SOURCES:
        x.fail(source, Failure(402))
    try:
        visitor.prove(x, x.account("unseen"))
    finally:
        for source in SOURCES:
            x.heal(source)
    page = visitor.get("/account/prove").text
    assert "Checking your post" in page
    assert "we keep trying for a day" in page
