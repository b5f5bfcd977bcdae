import os
from pathlib import Path

import pytest

from directory.settings import Settings
from federation.errors import MissingKeys, UnsafeKeys
from federation.keys.fingerprints import to_words
from federation.keys.instance import KeyFolder, log_origin
from federation.keys.operations import fingerprint_recovery

HOST = "one.example"


@pytest.fixture
def folder(tmp_path: Path) -> KeyFolder:
    return KeyFolder(tmp_path / "data")


def test_keys_are_made_once_and_for_their_owner_alone(folder: KeyFolder) -> None:
    recovery = folder.make(HOST)
    assert recovery is not None
    keys = folder.read()
    assert keys.origin == "one.example/log"
    assert keys.recovery == fingerprint_recovery(recovery.vkey.public_key)
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.path.iterdir()} == {0o600}
    assert folder.make(HOST) is None
    assert folder.read().logs[0].vkey == keys.logs[0].vkey
    assert [path.name for path in folder.path.parent.iterdir()] == ["keys"]


def test_the_recovery_key_is_in_no_file(folder: KeyFolder) -> None:
    recovery = folder.make(HOST)
    assert recovery is not None
    secret = recovery.reveal().split("+", 4)[4]  # the secret may hold a "+" itself
    assert all(secret not in path.read_text() for path in folder.path.iterdir())


@pytest.mark.parametrize("name", ["log.key", "witness.key", "peer.key", "recovery.fingerprint"])
def test_a_file_that_others_may_read_is_refused(folder: KeyFolder, name: str) -> None:
    """Who shares the machine could have read it, and signed in our name."""
    folder.make(HOST)
    (folder.path / name).chmod(0o640)
    with pytest.raises(UnsafeKeys):
        folder.read()


def test_a_folder_that_others_may_enter_is_refused(folder: KeyFolder) -> None:
    folder.make(HOST)
    folder.path.chmod(0o755)
    with pytest.raises(UnsafeKeys):
        folder.read()


@pytest.mark.parametrize("name", ["log.key", "witness.key", "peer.key", "recovery.fingerprint"])
def test_what_is_no_key_is_refused_without_being_quoted(folder: KeyFolder, name: str) -> None:
    folder.make(HOST)
    (folder.path / name).write_text("PRIVATE+KEY+secret")
    with pytest.raises(UnsafeKeys) as refusal:
        folder.read()
    assert "secret" not in str(refusal.value)


def test_a_link_is_not_followed(folder: KeyFolder, tmp_path: Path) -> None:
    """A link could lead to a file that somebody else writes."""
    folder.make(HOST)
    (folder.path / "log.key").rename(tmp_path / "elsewhere")
    (folder.path / "log.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeKeys):
        folder.read()


def test_a_pipe_does_not_stop_the_start(folder: KeyFolder) -> None:
    folder.make(HOST)
    (folder.path / "log.key").unlink()
    os.mkfifo(folder.path / "log.key", 0o600)
    with pytest.raises(UnsafeKeys):
        folder.read()


def test_missing_keys_are_not_made_anew(folder: KeyFolder) -> None:
    with pytest.raises(MissingKeys):
        folder.read()
    folder.make(HOST)
    (folder.path / "witness.key").unlink()
    with pytest.raises(MissingKeys):
        folder.read()
    assert folder.make(HOST) is None


def test_a_further_log_key_is_found(folder: KeyFolder) -> None:
    folder.make(HOST)
    key = folder.add_log_key("one.example/log")
    keys = folder.read()
    assert [each.vkey for each in keys.require([key.vkey])] == [key.vkey]
    with pytest.raises(MissingKeys):
        keys.require([keys.witness.vkey])


@pytest.mark.parametrize(
    ("settings", "origin"),
    [
        (Settings(port=8123), "localhost/log"),
        (Settings(public_url="http://localhost:9000"), "localhost/log"),
        (Settings(host="::1", public_url="http://[::1]"), "localhost/log"),
        (Settings(host="::1"), "localhost/log"),
        (Settings(host="192.0.2.7"), "localhost/log"),
        (Settings(public_url="http://one.localhost:8000"), "one.localhost/log"),
        (Settings(public_url="https://find.example"), "find.example/log"),
        (Settings(public_url="https://Find.Example.:443/"), "find.example/log"),
        (Settings(public_url="https://bücher.example"), "xn--bcher-kva.example/log"),
    ],
)
def test_the_log_is_named_after_the_public_address(settings: Settings, origin: str) -> None:
    assert log_origin(settings) == origin


def test_words_tell_two_fingerprints_apart() -> None:
    assert to_words(bytes(32)) == " ".join(["babab"] * 8)
    assert to_words(b"\xff" * 32) == " ".join(["zuzuz"] * 8)
    assert len({to_words(bytes([n]) + bytes(31)) for n in range(256)}) == 256
