"""A member takes away the proof of what they publish, and anybody can check it without the instance."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from deploy.cli.verify import command as verify
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_x import FakeX
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import SAME_ORIGIN, Visitor
from tests.web.members.worlds import client_of, enrol, fetch

_PROOF = re.compile(r'action="(/account/publications/[0-9a-f-]{36}/proof)"')


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, x: FakeX, internet: FakeInternet) -> Iterator[MemberInstance]:
    client = client_of(internet)
    with member_instance(module_dsn, data, x=x, open_client=client, jobs=False, log="by hand") as running:
        yield running


def publish(visitor: Visitor, internet: FakeInternet, x: FakeX, name: str) -> str:
    """A new member whose mapping the log has said; the address of its proof."""
    visitor.sign_in_at_mastodon(internet, enrol(internet, name))
    visitor.prove(x, x.account(f"{name}_on_x"))
    visitor.publish()
    assert not _PROOF.search(visitor.get("/account").text), "the log has not said it yet"
    visitor.instance.call(visitor.instance.write_log)
    found = _PROOF.search(visitor.get("/account").text)
    assert found
    return found[1]


def take(visitor: Visitor, address: str) -> httpx.Response:
    """Presses the button, and follows it to the file."""
    return visitor.get(visitor.send("/account", address).headers["location"])


def verified(file: Path, *more: str) -> Result:
    return CliRunner().invoke(verify, [str(file), *more])


def test_from_the_account_page_to_a_stranger(
    ada: Visitor, instance: MemberInstance, internet: FakeInternet, x: FakeX, tmp_path: Path
) -> None:
    answer = take(ada, publish(ada, internet, x, "ada"))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    disposition = answer.headers["content-disposition"]
    name = re.fullmatch(r'attachment; filename="(passerelle-[0-9]+\.tlog-proof)"', disposition)
    assert name
    file = tmp_path / name[1]
    file.write_bytes(answer.content)

    key = instance.call(instance.services.log.documents)[-1].decode().split('"log":"')[1].split('"')[0]
    result = verified(file, "--key", key)
    assert result.exit_code == 0, result.output
    for said in (
        "localhost/log has said that @ada_on_x",
        "is now ada@social.test on mastodon (https://social.test/users/ada).",
        "It was issued on ",
        "No witness says when: the dates are the instance's own word.",
        "It does not prove that it still holds",
        "Nor does it prove that it is true: it proves who said it.",
    ):
        assert said in result.output

    # A stranger who has no key is told where to ask for it.
    without = verified(file)
    assert without.exit_code == 2
    assert "https://localhost/.well-known/passerelle" in without.output

    live = re.search(r"/api/v1/live/\S+", result.output)
    assert live
    assert ada.get(live[0]).json()["live"] is True
    ada.send("/account", _withdrawal(ada))
    assert ada.get(live[0]).json()["live"] is False
    assert verified(file, "--key", key).exit_code == 0, "it was said, and that stays so"


def test_where_the_instance_runs_no_key_is_asked_for(
    ada: Visitor, internet: FakeInternet, x: FakeX, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "one.tlog-proof"
    file.write_bytes(take(ada, publish(ada, internet, x, "own")).content)
    monkeypatch.setenv("PASSERELLE_DATA", str(ada.instance.settings.data))
    assert "localhost/log has said that @own_on_x" in verified(file).output


def test_a_link_that_nobody_uses_goes_by_itself(
    ada: Visitor, instance: MemberInstance, internet: FakeInternet, x: FakeX
) -> None:
    """Fault: it went when somebody else made one. On a quiet instance that tells for ever who took their proof, by the leaf."""
    address = publish(ada, internet, x, "unused")
    fetch(instance, "DELETE FROM proof_link")
    kept = [ada.send("/account", address).headers["location"] for _ in range(3)]
    hours = iter((-1, 0, 24 * 365))
    for row in fetch(instance, "SELECT token_hash FROM proof_link"):
        fetch(
            instance,
            "UPDATE proof_link SET expires = expires + $2 WHERE token_hash = $1",
            row["token_hash"],
            timedelta(hours=next(hours)),
        )
    instance.call(instance.worker.drain)
    assert len(fetch(instance, "SELECT FROM proof_link")) == 1
    assert sorted(ada.get(link).status_code for link in kept) == [200, 404, 404]


def test_the_proof_of_another_is_not_there(
    ada: Visitor, eve: Visitor, instance: MemberInstance, internet: FakeInternet, x: FakeX
) -> None:
    """Eve has read the number of Ada's publication over her shoulder, and knows the leaf: the log is public."""
    address = publish(ada, internet, x, "victim")
    own = publish(eve, internet, x, "eve")
    before = fetch(instance, "SELECT count(*) FROM proof_link")
    assert eve.send("/account", address).status_code == 404
    assert fetch(instance, "SELECT count(*) FROM proof_link") == before
    link = eve.send("/account", own).headers["location"]
    ((leaf,),) = fetch(instance, "SELECT leaf FROM mapping WHERE x_handle = 'victim_on_x'")
    assert eve.get(re.sub(r"/log/[0-9]+", f"/log/{leaf}", link)).status_code == 404
    assert eve.get(link).status_code == 200
    assert eve.get(link).status_code == 404, "it serves once"


def test_it_is_for_who_is_signed_in(ada: Visitor, eve: Visitor, internet: FakeInternet, x: FakeX) -> None:
    address = publish(ada, internet, x, "home")
    answer = eve.client.post(address, headers=SAME_ORIGIN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


def test_what_is_taken_back_has_no_proof(ada: Visitor, internet: FakeInternet, x: FakeX) -> None:
    address = publish(ada, internet, x, "gone")
    link = ada.send("/account", address).headers["location"]
    ada.send("/account", _withdrawal(ada))
    ada.instance.call(ada.instance.write_log)
    assert ada.send("/account", address).status_code == 404
    assert ada.get(link).status_code == 404


def _withdrawal(visitor: Visitor) -> str:
    found = re.search(
        r'action="(/account/publications/[0-9a-f-]{36}/withdraw)"', visitor.get("/account").text
    )
    assert found
    return found[1]
