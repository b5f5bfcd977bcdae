"""`passerelle verify`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from deploy.cli.verify import command as verify
from directory.store.database import Database
from federation.own_log.reader import LogService
from federation.protocol.statement import encode_statement
from federation.store.log import LogStore
from tests.federation.log_harness import LogHarness
from tests.federation.test_mapping_proof import STATEMENT, prove
from tests.harness.clock import FakeClock
from tests.vectors.fixed import LOG

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


@pytest.mark.parametrize("is_past", [True, False])
@pytest.mark.parametrize("is_contested", [True, False])
def test_what_is_over_or_in_question_is_told(tmp_path: Path, is_past: bool, is_contested: bool) -> None:
    """A file of somebody who lost the account years ago, or in a dispute, was told as if all were well."""
    issued = datetime(2020, 1, 1, tzinfo=UTC) if is_past else datetime.now(UTC).replace(microsecond=0)
    said = msgspec.structs.replace(
        STATEMENT, issued=issued, expires=issued + timedelta(days=90), is_contested=is_contested
    )
    body = encode_statement(said)
    file = tmp_path / "one.tlog-proof"
    file.write_bytes(bytes(prove(body, body)))
    result = CliRunner().invoke(verify, [str(file), "--key", str(LOG.vkey)])
    assert result.exit_code == 0, "it was said, and that stays so"
    assert ("That is over: it holds no more." in result.output) is is_past
    assert ("was in question" in result.output) is is_contested


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
