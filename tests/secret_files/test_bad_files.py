"""A table of bad files, held against every secret file of the product: each is refused in one sentence."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from deploy.cli.failures import sentence_of
from deploy.secret_check import check_secret_files
from directory.networks.bluesky.client import ClientKeys
from directory.networks.bluesky.client_key_file import CLIENT_KEYS_FILE
from directory.secret_files import SecretFileError, UnsafeSecret
from directory.settings import Settings
from tests.secret_files.product import KEYS, SECRETS, VAULT, Secret, make_all, read_client_keys

WINDOW: Final = 16
"""So many characters of a secret in a row are too many to be chance."""
ANOTHER_USER: Final = 4242
IS_ROOT: Final = os.geteuid() == 0

Harm = Callable[[Path], None]


def mode(number: int) -> Harm:
    return lambda path: path.chmod(number)


def folder_mode(number: int) -> Harm:
    return lambda path: path.parent.chmod(number)


def upper_folder_mode(number: int) -> Harm:
    return lambda path: path.parent.parent.chmod(number)


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def linked_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))
    path.parent.symlink_to(path.parent.with_name("elsewhere"))


def file_for_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))
    path.parent.touch(mode=0o600)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def bound_socket(path: Path) -> None:
    path.unlink()
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))
    path.chmod(0o600)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir(mode=0o600)


def content(holds: bytes) -> Harm:
    """Nothing at all, or the secret and something behind it."""

    def write(path: Path) -> None:
        path.write_bytes(path.read_bytes() + holds if holds else b"")

    return write


def owner(path: Path) -> None:
    os.chown(path, ANOTHER_USER, -1)


def folder_owner(path: Path) -> None:
    os.chown(path.parent, ANOTHER_USER, -1)


OPEN_TO_OTHERS: Final[dict[str, Harm]] = {
    "mode 0666": mode(0o666),
    "mode 0640": mode(0o640),
    "mode 0604": mode(0o604),
    "mode 0602": mode(0o602),
    "mode 0610": mode(0o610),
    "mode 0700": mode(0o700),
    "folder 0777": folder_mode(0o777),
    "folder 0770": folder_mode(0o770),
    "folder 0750": folder_mode(0o750),
    "folder 0701": folder_mode(0o701),
    "folder 1777": folder_mode(0o1777),
    "data 0777": upper_folder_mode(0o777),
}
OF_ANOTHER_KIND: Final[dict[str, Harm]] = {
    "link to a good file": link,
    "link to a good folder": linked_folder,
    "file for a folder": file_for_folder,
    "pipe": pipe,
    "socket": bound_socket,
    "folder": folder,
}
OF_ANOTHER_USER: Final[dict[str, Harm]] = {"owner": owner, "folder's owner": folder_owner} if IS_ROOT else {}
DAMAGED: Final[dict[str, Harm]] = {
    "empty": content(b""),
    "too large": content(b" " * 100_000),
    "not ASCII": content(b"\xc3\xa9\n"),
    "not UTF-8": content(b"\xff\n"),
}
SEEN_BY_LOOKING: Final = OPEN_TO_OTHERS | OF_ANOTHER_KIND | OF_ANOTHER_USER

every_secret = pytest.mark.parametrize("secret", SECRETS, ids=str)


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    made = tmp_path / "data"
    make_all(made)
    yield made
    made.chmod(0o700)


def refusals(secret: Secret, data: Path) -> Iterator[UnsafeSecret]:
    """What the product says at each use of it."""
    for use in secret.uses(data):
        with pytest.raises(UnsafeSecret) as caught:
            use()
        yield caught.value


def check_sentence(error: SecretFileError, path: Path) -> None:
    """One line that names the file, or a folder above it, and what to do."""
    said = sentence_of(error) or ""
    assert "\n" not in said
    assert (
        str(path) in error.seen or str(path.parent) in error.seen or f" {path.parent.parent}," in error.seen
    )
    assert error.mend.endswith(".")
    assert error.mend in said


def check_nothing_told(error: BaseException, secret: str) -> None:
    """Nothing of it in the error, nor in what led to it."""
    chain: list[BaseException] = [error]
    for each in chain:
        chain += [before for before in (each.__cause__, each.__context__) if before is not None]
        told = f"{each} {each!r} {each.args} {vars(each)} {getattr(each, 'object', '')}"
        found = [
            secret[at : at + WINDOW] for at in range(len(secret) - WINDOW) if secret[at : at + WINDOW] in told
        ]
        assert found == []


@every_secret
def test_all_is_well_where_nothing_is_wrong(secret: Secret, data: Path) -> None:
    for use in secret.uses(data):
        use()
    assert [finding.is_good for finding in check_secret_files(Settings(data=data))] == [True]


@every_secret
@pytest.mark.parametrize("harm", SEEN_BY_LOOKING.values(), ids=SEEN_BY_LOOKING.keys())
def test_what_others_could_read_or_exchange_is_refused(secret: Secret, data: Path, harm: Harm) -> None:
    """Attack: another user of the machine reads a key, or puts one of their own in its place, and then signs as this
    instance or opens what members entrusted it with. The file or its folder lets them."""
    path = secret.path(data)
    before = path.read_bytes()
    harm(path)
    for error in refusals(secret, data):
        check_sentence(error, path)
        check_nothing_told(error, before.decode())
    if path.is_file():
        assert path.read_bytes() == before


@every_secret
@pytest.mark.parametrize("harm", SEEN_BY_LOOKING.values(), ids=SEEN_BY_LOOKING.keys())
def test_the_doctor_names_it_with_its_mend(secret: Secret, data: Path, harm: Harm) -> None:
    path = secret.path(data)
    harm(path)
    wrong = [finding for finding in check_secret_files(Settings(data=data)) if not finding.is_good]
    assert wrong
    for error in refusals(secret, data):
        assert (error.seen, error.mend) in [(each.seen, each.mend) for each in wrong]


@every_secret
@pytest.mark.parametrize("harm", DAMAGED.values(), ids=DAMAGED.keys())
def test_what_does_not_hold_a_secret_is_refused(secret: Secret, data: Path, harm: Harm) -> None:
    """Half a file, or another one: nothing of it is told, for it may be a secret all the same."""
    if secret.read is None:
        return  # it is written and never read
    path = secret.path(data)
    before = path.read_bytes()
    harm(path)
    for error in refusals(secret, data):
        check_sentence(error, path)
        check_nothing_told(error, before.decode())
    if secret.folder == VAULT:
        assert [finding.is_good for finding in check_secret_files(Settings(data=data))] == [False]


def test_keys_that_others_could_exchange_do_not_name_us_at_bluesky(data: Path) -> None:
    """Attack: `bluesky-client.keys` has the mode 0666 in a folder of mode 0777, as after a restore without modes. Another
    user of the machine reads the keys, or exchanges them for a pair of their own, which the instance then publishes as
    its own. Either way they sign as this instance to Bluesky's servers: with one sealed token that leaks they act for a
    member. The file is not read, whichever of the two modes is mended first, until both are."""
    path = data / VAULT / CLIENT_KEYS_FILE
    path.chmod(0o666)
    path.parent.chmod(0o777)
    planted = ClientKeys.generate()
    path.write_bytes(planted.to_json())
    with pytest.raises(UnsafeSecret, match=f"chmod 700 {path.parent}`"):
        read_client_keys(data)
    path.parent.chmod(0o700)
    with pytest.raises(UnsafeSecret, match=f"chmod 600 {path}`"):
        read_client_keys(data)
    path.parent.chmod(0o777)
    path.chmod(0o600)
    with pytest.raises(UnsafeSecret, match=f"chmod 700 {path.parent}`"):
        read_client_keys(data)


@pytest.mark.parametrize("name", [KEYS, VAULT])
def test_files_of_narrower_modes_are_good(data: Path, name: str) -> None:
    """An operator may take the right to write away from a key."""
    for path in (data / name).iterdir():
        path.chmod(0o400)
    for secret in SECRETS:
        if secret.folder == name and secret.read is not None:
            secret.read(data)
