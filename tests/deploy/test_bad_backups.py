"""Files that are no whole backup: each is refused with one sentence, before anything is changed."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from deploy.backups.archive import ArchiveWriter, check_archive
from deploy.backups.contents import DESCRIPTION, DUMP, Description, encode
from deploy.backups.errors import BackupError, DamagedBackup
from deploy.backups.restoring import check_suitable
from directory.clock import SystemClock
from directory.settings import Settings
from federation.keys.instance import MARK_FILE
from tests.harness.forking import Forks

DUMPED: Final = b"PGDMP" + bytes(range(256)) * 20


def written(**changes: Any) -> bytes:
    """A backup as the command writes it, with another description."""
    file = io.BytesIO()
    writer = ArchiveWriter(file, 0)
    writer.add(DUMP, [DUMPED])
    writer.add("keys/log.key", [b"a key\n"])
    writer.add("vault/vault.keys", [b"a ring\n"])
    plain = Description(
        1, "0.1", SystemClock().now(), "localhost/log", 4, {}, {"mapping": 3}, dict(writer.members)
    )
    writer.finish(msgspec.structs.replace(plain, **changes))
    return file.getvalue()


def rewritten(change: Callable[[tarfile.TarInfo, bytes], tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """A backup whose members somebody has changed, in a tar that is in order."""
    made = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(written())) as tar, tarfile.open(fileobj=made, mode="w") as other:
        for member in tar:
            file = tar.extractfile(member)
            assert file is not None
            info, content = change(member, file.read())
            info.size = len(content) if info.isreg() else 0
            other.addfile(info, io.BytesIO(content))
    return made.getvalue()


def renamed(old: str, new: str) -> bytes:
    def change(info: tarfile.TarInfo, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
        info.name = new if info.name == old else info.name
        return info, content

    return rewritten(change)


def of_kind(kind: bytes, leads_to: str) -> bytes:
    def change(info: tarfile.TarInfo, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
        if info.name == "keys/log.key":
            info.type, info.linkname = kind, leads_to
        return info, content

    return rewritten(change)


def with_content(name: str, new: bytes) -> bytes:
    return rewritten(lambda info, content: (info, new if info.name == name else content))


def flipped(at: int) -> bytes:
    content = bytearray(written())
    content[at] ^= 1
    return bytes(content)


def _without_end() -> bytes:
    whole = written()
    return whole[: whole.index(DESCRIPTION.encode())]


BAD: Final[dict[str, Callable[[], bytes]]] = {
    "nothing": lambda: b"",
    "another kind of file": lambda: b"PGDMP" * 1_000,
    "cut in the dump": lambda: written()[:2_000],
    "cut before the description": _without_end,
    "cut in the description": lambda: written()[:-1_100],
    "one bit of the dump": lambda: flipped(1_000),
    "one bit of a key": lambda: flipped(written().index(b"a key")),
    "one bit of the description": lambda: flipped(written().index(b'"leaves"') + 11),
    "another key": lambda: with_content("keys/log.key", b"b key\n"),
    "a key that is very large": lambda: with_content("keys/log.key", bytes(5_000)),
    "a member outside": lambda: renamed("keys/log.key", "../log.key"),
    "a member outside, in a folder of ours": lambda: renamed("keys/log.key", "keys/../../log.key"),
    "an absolute member": lambda: renamed("keys/log.key", "/etc/cron.d/log"),
    "a member of another folder": lambda: renamed("keys/log.key", "postgres/log.key"),
    "a hidden member": lambda: renamed("keys/log.key", "keys/.log.key"),
    "two of one name": lambda: renamed("keys/log.key", "vault/vault.keys"),
    "the mark of another machine": lambda: renamed("keys/log.key", f"keys/{MARK_FILE}"),
    "the mark of a former name": lambda: renamed("keys/log.key", f"keys-old.example/{MARK_FILE}"),
    "a link": lambda: of_kind(tarfile.SYMTYPE, "/etc/shadow"),
    "a link to a member": lambda: of_kind(tarfile.LNKTYPE, DUMP),
    "a device": lambda: of_kind(tarfile.CHRTYPE, ""),
    "a folder": lambda: of_kind(tarfile.DIRTYPE, ""),
    "no dump": lambda: renamed(DUMP, "keys/dump"),
    "a format of later": lambda: written(format=2),
    "a table that is a statement": lambda: written(rows={'x"; DROP TABLE y; --': 1}),
    "no description at all": lambda: with_content(DESCRIPTION, b""),
    "a description that is no JSON": lambda: with_content(DESCRIPTION, b"0" * 64 + b"\n{"),
}


def test_the_plain_one_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "one.backup"
    file.write_bytes(written())
    archive = check_archive(file, lambda _: None)
    assert b"".join(archive.read_dump()) == DUMPED
    assert archive.secrets == {"keys": {"log.key": b"a key\n"}, "vault": {"vault.keys": b"a ring\n"}}
    assert encode(archive.description) in file.read_bytes()


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_refused(tmp_path: Path, what: str) -> None:
    """Attack: a file that was cut off, damaged, or made to write outside of the data folder or to bring a mark along, with
    which an older copy would sign other trees."""
    file = tmp_path / "one.backup"
    file.write_bytes(BAD[what]())
    with pytest.raises(DamagedBackup, match=r"no whole backup: .*Nothing was changed"):
        check_archive(file, lambda _: None)


def test_a_file_that_changes_after_the_check_is_not_taken(tmp_path: Path) -> None:
    file = tmp_path / "one.backup"
    file.write_bytes(written())
    archive = check_archive(file, lambda _: None)
    file.write_bytes(flipped(1_000))
    with pytest.raises(DamagedBackup, match="changed meanwhile"):
        b"".join(archive.read_dump())


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "one.backup"
    file.write_bytes(written(migrations={"directory": ["2099-01-01T00:00:00:000000"]}))
    archive = check_archive(file, lambda _: None)
    with pytest.raises(BackupError, match="1 changes that this version does not: install that version"):
        check_suitable(Settings(), archive)


def test_the_command_says_one_sentence_and_makes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "one.backup"
    file.write_bytes(BAD["one bit of the dump"]())
    refused = Forks(tmp_path, {"data": str(tmp_path / "data")}).run("restore", file)
    assert refused.code == 1
    assert refused.sentence == (
        f"passerelle: {file} is no whole backup: its members are not those that were written. Nothing was changed."
    )
    assert not (tmp_path / "data").exists()
