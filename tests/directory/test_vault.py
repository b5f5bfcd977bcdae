"""The vault: sealed for one row, under a ring of keys in a file that only we may read."""

import logging
import os
import pickle
import stat
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from directory.vault import (
    HEADER_BYTES,
    KEY_FILE_NAME,
    MAX_SECRET_BYTES,
    RETIRE_AFTER,
    BrokenSeal,
    Context,
    Secret,
    Vault,
)
from directory.vault_keys import MissingKeyFile, UnknownKey, UnsafeKeyFile, VaultError
from tests.harness.clock import START

ROW = Context("token", UUID(int=7))


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault.open(tmp_path, now=START, may_create=True)


def test_what_is_sealed_for_a_row_opens_for_it(vault: Vault) -> None:
    sealed = vault.seal(Secret(b"refresh-me"), ROW)
    assert b"refresh-me" not in sealed
    assert vault.unseal(sealed, ROW).reveal() == b"refresh-me"
    assert vault.seal(Secret(b"refresh-me"), ROW) != sealed


@pytest.mark.parametrize("other", [Context("token", uuid4()), Context("mastodon-app", ROW.row)])
def test_a_seal_moved_to_another_row_does_not_open(vault: Vault, other: Context) -> None:
    """Who can write to the database puts a victim's sealed token into a row of their own."""
    with pytest.raises(BrokenSeal):
        vault.unseal(vault.seal(Secret(b"token"), ROW), other)


def test_every_altered_byte_is_noticed(vault: Vault) -> None:
    sealed = vault.seal(Secret(b"token"), ROW)
    for index in range(len(sealed)):
        altered = bytearray(sealed)
        altered[index] ^= 1
        with pytest.raises((BrokenSeal, UnknownKey)):
            vault.unseal(bytes(altered), ROW)
    for cut in range(len(sealed)):
        with pytest.raises((BrokenSeal, UnknownKey)):
            vault.unseal(sealed[:cut], ROW)


@given(st.binary(max_size=200))
def test_what_never_was_sealed_is_named_so(tmp_path_factory: pytest.TempPathFactory, stored: bytes) -> None:
    vault = Vault.open(tmp_path_factory.getbasetemp(), now=START, may_create=True)
    with pytest.raises((BrokenSeal, UnknownKey)):
        vault.unseal(stored, ROW)


def test_a_secret_shows_itself_nowhere(vault: Vault, caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(b"hunter2")
    with caplog.at_level(logging.DEBUG):
        structlog.get_logger().info("kept", secret=secret, vault=vault)
        logging.getLogger("x").info("%s %r", secret, vault)
    shown = f"{secret} {secret!r} {[secret]} {vault!r} {vars(vault)} {caplog.text}"
    assert "hunter2" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        hash(secret)
    assert secret == Secret(b"hunter2")
    assert secret != Secret(b"hunter3")
    assert secret != b"hunter2"


def test_a_secret_is_bounded() -> None:
    Secret(b"x" * MAX_SECRET_BYTES)
    with pytest.raises(VaultError):
        Secret(b"x" * (MAX_SECRET_BYTES + 1))


def test_the_key_file_is_ours_alone(vault: Vault, tmp_path: Path) -> None:
    path = tmp_path / KEY_FILE_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    vault.add_key(START)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o610, 0o602])
def test_a_key_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    """A key that others could read has to be taken for known, at start and while running."""
    vault = Vault.open(tmp_path, now=START, may_create=True)
    (tmp_path / KEY_FILE_NAME).chmod(mode)
    with pytest.raises(UnsafeKeyFile, match="0600"):
        vault.seal(Secret(b"x"), ROW)
    with pytest.raises(UnsafeKeyFile):
        Vault.open(tmp_path, now=START, may_create=True)


def test_a_link_a_folder_or_a_pipe_is_no_key_file(tmp_path: Path) -> None:
    """A link planted in the data folder would make us read, or wait for, whatever it leads to."""
    Vault.open(tmp_path, now=START, may_create=True)
    path = tmp_path / KEY_FILE_NAME
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeKeyFile):
        Vault.open(tmp_path, now=START, may_create=False)
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(UnsafeKeyFile):
        Vault.open(tmp_path, now=START, may_create=False)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b'{"version":1,"keys":[]}',
        b'{"version":2,"keys":[{"id":"00000000","created":"2026-01-01T00:00:00Z","key":"AAAA"}]}',
        b'{"version":1,"keys":[{"id":"00000000","created":"2026-01-01T00:00:00Z","key":"AAAA"}]}',
        b'{"version":1,"keys":[{"id":"zz","created":"2026-01-01T00:00:00Z","key":"AAAA"}]}',
        b"\xff" * 100_000,
    ],
)
def test_what_is_no_key_file_is_refused_without_being_shown(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / KEY_FILE_NAME
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(UnsafeKeyFile) as caught:
        Vault.open(tmp_path, now=START, may_create=True)
    assert "AAAA" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_lost_key_file_is_not_replaced_in_silence(tmp_path: Path) -> None:
    with pytest.raises(MissingKeyFile, match="backup"):
        Vault.open(tmp_path, now=START, may_create=False)
    assert not (tmp_path / KEY_FILE_NAME).exists()


def test_a_new_key_seals_and_the_old_ones_still_open(vault: Vault) -> None:
    old = vault.seal(Secret(b"token"), ROW)
    vault.add_key(START)
    assert vault.unseal(old, ROW).reveal() == b"token"
    new = vault.reseal(old, ROW)
    assert new[:HEADER_BYTES] == vault.header != old[:HEADER_BYTES]
    assert vault.unseal(new, ROW).reveal() == b"token"


def test_another_process_notices_a_new_key(vault: Vault, tmp_path: Path) -> None:
    other = Vault.open(tmp_path, now=START, may_create=False)
    other.seal(Secret(b"x"), ROW)
    vault.add_key(START)
    assert other.unseal(vault.seal(Secret(b"token"), ROW), ROW).reveal() == b"token"
    assert other.header == vault.header


def test_a_key_is_retired_only_unused_and_a_day_after_its_successor(vault: Vault) -> None:
    """A process may still be storing what it sealed just before the new key came."""
    old = vault.seal(Secret(b"token"), ROW)
    first = vault.key_ids()[0]
    vault.add_key(START)
    later = START + RETIRE_AFTER
    assert vault.retire_keys({vault.header}, later - timedelta(seconds=1)) == []
    assert vault.retire_keys({old[:HEADER_BYTES]}, later) == []
    assert vault.retire_keys({vault.header}, later) == [first]
    with pytest.raises(UnknownKey):
        vault.unseal(old, ROW)
    assert vault.retire_keys(set(), later + RETIRE_AFTER) == []
    assert len(vault.key_ids()) == 1


def test_an_interrupted_rotation_leaves_the_old_ring(vault: Vault, tmp_path: Path) -> None:
    """A crash before the rename leaves a draft, which the next rotation replaces."""
    (tmp_path / f".{KEY_FILE_NAME}.new").write_bytes(b'{"version":1,')
    sealed = vault.seal(Secret(b"token"), ROW)
    vault.add_key(START)
    assert vault.unseal(sealed, ROW).reveal() == b"token"
    assert not (tmp_path / f".{KEY_FILE_NAME}.new").exists()
