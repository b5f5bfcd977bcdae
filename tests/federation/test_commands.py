"""`passerelle verify`."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deploy.cli.verify import command as verify
from directory.store.database import Database
from federation.own_log.reader import LogService
from federation.store.log import LogStore
from tests.federation.log_harness import LogHarness
from tests.harness.clock import FakeClock

Verify = Callable[..., Result]


@pytest.fixture
def harness(database: Database, tmp_path: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, tmp_path / "data", clock)


@pytest.fixture
async def proof(harness: LogHarness) -> bytes:
    await harness.add_pending(5)
    await harness.run()
    return await LogService(LogStore(harness.database), harness.clock).make_proof(3)


@pytest.fixture
def check(harness: LogHarness, tmp_path: Path) -> Verify:
    def run(content: bytes, *more: str, key: str = "") -> Result:
        file = tmp_path / "one.tlog-proof"
        file.write_bytes(content)
        vkey = key or str(harness.keys.read().logs[0].vkey)
        return CliRunner().invoke(verify, [str(file), "--key", vkey, *more])

    return run


async def test_a_proof_is_told_in_words(proof: bytes, check: Verify) -> None:
    result = check(proof)
    assert result.exit_code == 0
    assert "one.example/log has said that @person" in result.output
    assert "does not prove that it still holds" in result.output
    assert "https://one.example/api/v1/live/one.example/log/3" in result.output


async def test_what_was_changed_proves_nothing(proof: bytes, check: Verify) -> None:
    result = check(proof.replace(b"index 3", b"index 2"))
    assert result.exit_code == 1
    assert "has said" not in result.output


async def test_another_key_proves_nothing(
    proof: bytes, check: Verify, database: Database, tmp_path: Path, clock: FakeClock
) -> None:
    other = LogHarness(database, tmp_path / "other", clock).keys.read()
    assert check(proof, key=str(other.logs[0].vkey)).exit_code == 1
    assert check(proof, "--witness", str(other.witness.vkey)).exit_code == 1
    assert check(proof, key=str(other.witness.vkey)).exit_code == 2
    assert check(proof, key="what").exit_code == 2


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"c2sp.org/tlog-proof@v1\n", b"x" * 200_000])
def test_what_is_no_proof_is_one_sentence(harness: LogHarness, check: Verify, content: bytes) -> None:
    result = check(content)
    assert result.exit_code == 1
    assert len(result.output.splitlines()) <= 1
