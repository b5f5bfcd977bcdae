"""The vault's key file goes, or comes back as another one, while an instance runs."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from deploy.wiring.vault import VAULT_FOLDER, open_secrets
from directory.members.challenges import CheckState
from directory.services.own_vault import OtherVault
from directory.store.account_columns import X_CODE
from directory.vault import KEY_FILE_NAME, Vault
from directory.vault_keys import KeyFile
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_mastodon.visitor import agree
from tests.harness.fake_x import FakeX
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import Visitor
from tests.web.members.worlds import client_of, enrol, fetch


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, x: FakeX, internet: FakeInternet) -> Iterator[MemberInstance]:
    client = client_of(internet)
    with member_instance(module_dsn, data, x=x, open_client=client, jobs=False) as running:
        yield running


@pytest.fixture
def key_file(data: Path) -> Iterator[Path]:
    """As it was before, after the test."""
    path = data / VAULT_FOLDER / KEY_FILE_NAME
    content = path.read_bytes()
    yield path
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    path.chmod(0o600)


@pytest.fixture
def record(instance: MemberInstance, key_file: Path) -> Iterator[None]:
    """What the database knows the vault by, as it was before, after the test."""
    assert key_file.exists()
    (before,) = fetch(instance, "SELECT * FROM instance_identity WHERE part = 'vault'")
    yield
    fetch(instance, "DELETE FROM instance_identity WHERE part = 'vault'")
    fetch(instance, "INSERT INTO instance_identity VALUES ($1, $2, $3, $4)", *before.values())


def swap(key_file: Path) -> None:
    """The key file of another instance, put there by mistake."""
    key_file.unlink()
    KeyFile(key_file).create(datetime.now(UTC))


def checks(instance: MemberInstance) -> dict[str, tuple[CheckState, str | None]]:
    """How each member's check stands, and why."""
    rows = fetch(
        instance,
        "SELECT handle, state, reason FROM proof_check JOIN linked_account a USING (member) WHERE network <> $1",
        X_CODE,
    )
    return {row["handle"]: (CheckState(row["state"]), row["reason"]) for row in rows}


def test_without_its_key_file_an_instance_says_so(
    ada: Visitor, internet: FakeInternet, key_file: Path
) -> None:
    """To the person one sentence; to the operator the path and what to do; to nobody a key. What needs no key
    goes on."""
    ada.sign_in_at_mastodon(internet, enrol(internet, "keyless"))
    ada.sentence()
    key_file.unlink()
    with capture_logs() as logs:
        answer = ada.get("/account/prove")
    assert answer.status_code == 503
    assert "A key of this instance is missing" in answer.text
    assert "Nothing of yours was changed." in answer.text
    assert str(key_file) not in answer.text
    (line,) = [each for each in logs if each["log_level"] == "error"]
    assert line["event"] == "the vault cannot open what it sealed"
    assert str(key_file) in line["reason"]
    assert "from its backup" in line["mend"]
    assert ada.get("/account").status_code == 200


def test_it_goes_on_as_soon_as_the_file_is_back(ada: Visitor, internet: FakeInternet, key_file: Path) -> None:
    """Without a new start."""
    ada.sign_in_at_mastodon(internet, enrol(internet, "returning"))
    ada.sentence()
    content = key_file.read_bytes()
    key_file.unlink()
    assert ada.get("/account/prove").status_code == 503
    key_file.write_bytes(content)
    key_file.chmod(0o600)
    assert ada.get("/account/prove").status_code == 200


def test_a_file_that_others_can_read_is_not_read(
    ada: Visitor, internet: FakeInternet, key_file: Path
) -> None:
    ada.sign_in_at_mastodon(internet, enrol(internet, "open"))
    ada.sentence()
    key_file.chmod(0o644)
    with capture_logs() as logs:
        assert ada.get("/account/prove").status_code == 503
    assert [f"Run `chmod 600 {key_file}`" in each["reason"] for each in logs if "reason" in each] == [True]


def test_under_another_key_what_is_short_lived_begins_anew(
    ada: Visitor, internet: FakeInternet, key_file: Path
) -> None:
    """A sign-in on its way is over, and a sentence that cannot be opened gives way to a new one."""
    acct = enrol(internet, "otherkey")
    ada.sign_in_at_mastodon(internet, acct)
    sentence = ada.sentence()
    away = enrol(internet, "away")
    back = agree(internet, ada.leave_for(away, page="/account"), away).removeprefix(ada.instance.url)
    swap(key_file)
    answer = ada.get(back)
    assert (answer.status_code, "That sign-in is over" in answer.text) == (400, True)
    assert ada.sentence() != sentence


def test_a_check_waits_for_its_key_and_keeps_no_other_waiting(
    ada: Visitor, eve: Visitor, internet: FakeInternet, x: FakeX, key_file: Path
) -> None:
    """One sentence is sealed under a key that is gone: checks claimed with it must not fail with it. Once the
    key is back, the post proves what it should."""
    ada.sign_in_at_mastodon(internet, enrol(internet, "sealed"))
    eve.sign_in_at_mastodon(internet, enrol(internet, "unsealed"))
    right = key_file.read_bytes()
    ada.submit(x.post(x.account("xsealed"), ada.sentence()))
    swap(key_file)
    eve.submit(x.post(x.account("xunsealed"), eve.sentence()))
    with capture_logs() as logs:
        ada.instance.call(ada.instance.worker.drain)
    told = [each["event"] for each in logs]
    assert told.count("a sentence cannot be opened") == 1
    assert set(told) <= {"a sentence cannot be opened", "a permission to give back waits for its key"}
    assert checks(ada.instance) == {
        "sealed@social.test": (CheckState.WAITING, "sealed"),
        "unsealed@social.test": (CheckState.VERIFIED, None),
    }
    assert "cannot open the sentence it gave you" in unescape(ada.get("/account/prove").text)
    key_file.write_bytes(right)
    fetch(ada.instance, "UPDATE proof_check SET next_at = now() - interval '1 minute' WHERE state = 0")
    ada.instance.call(ada.instance.worker.drain)
    assert checks(ada.instance)["sealed@social.test"] == (CheckState.VERIFIED, None)


@pytest.mark.usefixtures("record")
def test_a_start_with_another_vault_is_refused(ada: Visitor, internet: FakeInternet, key_file: Path) -> None:
    """Attack by accident: it would seal what no other machine of the instance can open. A record that is gone is
    no consent: what is sealed tells."""
    ada.sign_in_at_mastodon(internet, enrol(internet, "starter"))
    ada.sentence()
    swap(key_file)
    instance = ada.instance
    with pytest.raises(OtherVault, match="not that of this instance"):
        instance.call(lambda: open_secrets(instance.settings, instance.database, instance.clock))
    fetch(instance, "DELETE FROM instance_identity")
    with pytest.raises(OtherVault, match="not that of this instance"):
        instance.call(lambda: open_secrets(instance.settings, instance.database, instance.clock))


@pytest.mark.usefixtures("record")
def test_a_start_without_a_former_key_is_told(ada: Visitor, internet: FakeInternet, key_file: Path) -> None:
    """A database from before a rotation, whose key was forgotten since. Which key is missing is told by its id, which
    is no secret. The instance starts: most of it needs no old key."""
    ada.sign_in_at_mastodon(internet, enrol(internet, "restored"))
    ada.sentence()
    instance = ada.instance
    former = KeyFile(key_file).read().current.id.hex()
    vault = Vault.open(key_file.parent, now=datetime.now(UTC), may_create=False)
    vault.add_key(datetime.now(UTC) - timedelta(days=2))
    vault.retire_keys(set(), datetime.now(UTC))
    assert former not in vault.key_ids()
    with capture_logs() as logs:
        instance.call(lambda: open_secrets(instance.settings, instance.database, instance.clock))
    (line,) = logs
    assert line["event"] == "things are sealed under keys that the vault does not hold"
    assert former in line["keys"]
    assert "from its backup" in line["mend"]
