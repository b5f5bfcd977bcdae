"""What `passerelle doctor` says, and how: in lines that can be copied from a narrow terminal."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from deploy.checks import LOCAL_CHECKS, check_address, check_database
from deploy.cli.failures import sentence_of
from deploy.migrate import migrate
from deploy.ports import free_port
from deploy.text_check import check_texts
from directory.settings import Settings
from directory.store.database import connect
from federation.tlog.text import count_leaves
from tests.harness.command import Command
from tests.harness.forking import Forks


def test_nothing_that_is_copied_is_cut_at_80_columns(tmp_path: Path, dsn: str) -> None:
    """A table cut commands, paths and the names of settings in the middle, or left them out."""
    command = Forks(tmp_path, {"data": str(tmp_path / "data"), "database_url": dsn})
    narrow = Command(command.folder, command.settings, variables={"COLUMNS": "80"})
    shown = narrow.run("doctor", "--settings", public_url="https://find.example")
    lines = [line.strip() for line in shown.out.splitlines()]
    assert any(line.startswith("→ Set PASSERELLE_TRUSTED_PROXIES=1") for line in lines)
    assert "PASSERELLE_DATABASE_URL = (set)" in lines
    assert f"✓  Data folder  {tmp_path / 'data'}" in lines
    assert "…" not in shown.out


@pytest.mark.parametrize(("proxies", "is_good"), [(0, False), (1, True)])
def test_an_https_address_without_a_trusted_proxy_is_told(proxies: int, is_good: bool) -> None:
    """Behind a proxy that is not trusted everybody has one address: one person uses up the limits of all."""
    settings = Settings(public_url="https://find.example", trusted_proxies=proxies)
    found = {finding.name: finding for finding in check_address(settings)}
    assert found["Reverse proxy"].is_good is is_good
    assert "Reverse proxy" not in {finding.name for finding in check_address(Settings())}


def test_a_text_of_the_operator_that_is_missing_is_told(tmp_path: Path) -> None:
    """Told by the start before it makes a database, and by `doctor` with what to do."""
    command = Forks(tmp_path, {"data": str(tmp_path / "data"), "terms": str(tmp_path / "terms.txt")})
    said = f"PASSERELLE_TERMS: the file {tmp_path / 'terms.txt'} cannot be read: No such file or directory"
    start = command.run("serve", port=str(free_port()))
    assert start.code == 1
    assert start.err.startswith(f"passerelle: {said}.")
    assert not (tmp_path / "data").exists()
    (finding,) = check_texts(Settings(terms=str(tmp_path / "terms.txt")))
    assert (finding.is_good, finding.seen) == (False, said)
    assert check_texts in LOCAL_CHECKS


def test_one_leaf_is_one_leaf() -> None:
    assert [count_leaves(count) for count in (0, 1, 2, 1_000)] == [
        "0 leaves",
        "1 leaf",
        "2 leaves",
        "1,000 leaves",
    ]


def test_a_new_folder_has_no_keys_yet(tmp_path: Path, dsn: str) -> None:
    """It said to bring the folder back from its backup, where there never was one."""
    command = Forks(tmp_path, {"data": str(tmp_path / "data"), "database_url": dsn})
    shown = command.run("keys")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith("There are no keys yet: the first start of the instance makes them")
    assert command.run("keys", "make").code == 0
    shown = command.run("keys")
    assert "not begun yet" in shown.out
    (tmp_path / "data" / "keys").rename(tmp_path / "lost")
    lost = command.run("keys")
    assert (lost.code, "this instance has some" in lost.sentence) == (1, True)


async def test_a_database_that_hangs_is_told(
    tmp_path: Path, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looked for why an instance stood still, behind a lock that somebody held, saw nothing for as long."""
    await migrate(dsn)
    monkeypatch.setattr("deploy.checks.LOOK_TIMEOUT_S", 0.5)
    holder = await connect(dsn)
    try:
        async with holder.transaction(), asyncio.timeout(30):
            await holder.execute("LOCK TABLE migration")
            (found,) = await check_database(Settings(data=tmp_path, database_url=dsn))
    finally:
        await holder.close()
    assert (found.name, found.is_good, found.seen) == ("Database", False, "it does not answer in time")
    assert "pg_stat_activity" in found.mend


async def test_a_role_without_rights_is_told_so(dsn: str) -> None:
    """What another role had loaded: each command ended with a traceback, and the doctor said that the server did not answer."""
    await migrate(dsn)
    connection = await connect(dsn)
    await connection.execute("REVOKE SELECT ON migration FROM CURRENT_USER")
    await connection.close()
    (found,) = await check_database(Settings(database_url=dsn))
    assert not found.is_good
    assert found.seen == "it refuses this to our role: permission denied for table migration"
    with pytest.raises(asyncpg.InsufficientPrivilegeError) as refused:
        await migrate(dsn)
    assert str(sentence_of(refused.value)).startswith(
        "the database refuses this to the role of PASSERELLE_DATABASE_URL"
    )


def test_a_check_that_cannot_look_keeps_no_other_from_it(tmp_path: Path) -> None:
    """With a file in the place of the data folder nothing was shown but `Not a directory`."""
    data = tmp_path / "data"
    data.write_text("mine")
    shown = Forks(tmp_path, {"data": str(data), "port": str(free_port())}).run("doctor")
    assert (shown.code, shown.err) == (1, "")
    assert f"✗  Data folder  {data}" in shown.out
    assert f"✗  Not looked at  {data / 'keys'}: Not a directory" in shown.out
    assert "✓  Server  hypercorn" in shown.out
    assert "✗  Database  " in shown.out
