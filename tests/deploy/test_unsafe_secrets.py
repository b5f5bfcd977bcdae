"""Commands over secret files that others can read or replace: they print one sentence and do nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.embedded import open_database
from deploy.ports import free_port
from deploy.wiring.vault import VAULT_FOLDER
from directory.networks.bluesky.client import ClientKeys
from directory.networks.bluesky.client_key_file import CLIENT_KEYS_FILE, ClientKeyFile
from directory.secret_files import SecretFolder
from tests.harness.command import Command
from tests.harness.forking import Forks
from tests.harness.postgres import FAST_SETTINGS

MORE = 'docs/operations.md, "Secret files", tells what else to do.'


@pytest.fixture(scope="module")
def command(folder: Path) -> Iterator[Command]:
    data = folder / "data"
    settings = {"data": str(data), "port": str(free_port()), "public_url": "https://find.example"}
    with open_database(data, FAST_SETTINGS):
        made = Forks(folder, settings)
        assert made.run("keys", "make").code == 0
        yield made


@pytest.fixture
def log_key(folder: Path) -> Iterator[Path]:
    path = folder / "data" / "keys" / "log.key"
    yield path
    path.chmod(0o600)


@pytest.fixture
def client_keys(folder: Path) -> Iterator[Path]:
    """Makes client keys with open modes, as after a restore that forgot the modes."""
    vault = folder / "data" / VAULT_FOLDER
    SecretFolder(path=vault).ensure()
    ClientKeyFile(vault).read_or_make()
    path = vault / CLIENT_KEYS_FILE
    path.chmod(0o666)
    vault.chmod(0o777)
    yield path
    vault.chmod(0o700)
    path.chmod(0o600)


def test_an_unsafe_key_is_named_with_what_to_do(command: Command, log_key: Path) -> None:
    log_key.chmod(0o640)
    refused = command.run("keys")
    assert (refused.code, refused.out) == (1, "")
    assert refused.sentence == (
        f"passerelle: {log_key} has the mode 0640, not 0600: others may read or exchange it. Nothing was signed."
        f" Run `chmod 600 {log_key}`. {MORE}"
    )


def test_missing_keys_are_told_as_before(command: Command, log_key: Path) -> None:
    log_key.rename(log_key.with_name("elsewhere"))
    refused = command.run("keys")
    log_key.with_name("elsewhere").rename(log_key)
    assert refused.code == 1
    assert refused.sentence == (
        f"passerelle: the key file {log_key} is missing. Nothing was signed. Bring the folder of keys back from its"
        " backup, or the newest copy of it from the machine where the key was rotated; if it is lost for good, run"
        " `passerelle keys recover` with the recovery key. `passerelle keys make` is for a new instance."
    )


def test_an_instance_does_not_start_over_them(command: Command, client_keys: Path) -> None:
    """Attack: another user of the machine has exchanged the keys that name the instance to Bluesky's servers."""
    planted = ClientKeys.generate().to_json()
    client_keys.write_bytes(planted)
    refused = command.run("serve")
    assert refused.code == 1
    said = refused.err.splitlines()[-1]
    assert said == (
        f"passerelle: {client_keys.parent} has the mode 0777, not 0700: others may read or exchange it."
        f" Run `chmod 700 {client_keys.parent}`. {MORE}"
    )
    assert client_keys.read_bytes() == planted


def test_the_doctor_names_them(command: Command, client_keys: Path, log_key: Path) -> None:
    shown = command.run("doctor")
    assert shown.code == 1
    assert f"chmod 700 {client_keys.parent}" in " ".join(shown.out.split())
    client_keys.parent.chmod(0o700)
    log_key.chmod(0o666)
    shown = command.run("doctor")
    told = " ".join(shown.out.split())
    assert shown.out.count("✗  Secret files") == 2
    assert f"chmod 600 {client_keys}" in told
    assert f"chmod 600 {log_key}" in told
