"""`passerelle verify` tells what evidence of an equivocation shows."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deploy.cli.verify import command as verify
from federation.keys.evidence import Evidence, make_evidence
from federation.keys.fingerprints import to_words
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.cosignature import cosign
from federation.tlog.keys import PrivateKey
from tests.vectors.fixed import LOG, RESCUE, STRANGER, TIME, WITNESS, root
from tests.vectors.of_evidence import FORK, RECOVERED, SAME_SIZE, checkpoint, forked, true

Verify = Callable[..., Result]


@pytest.fixture
def check(tmp_path: Path) -> Verify:
    def run(content: Evidence | bytes, *more: str, key: PrivateKey = LOG) -> Result:
        file = tmp_path / "one.equivocation"
        file.write_bytes(bytes(content))
        return CliRunner().invoke(verify, [str(file), "--key", str(key.vkey), *more])

    return run


@pytest.mark.parametrize(
    ("evidence", "sentence"),
    [
        (SAME_SIZE, "Proven: instance.example/log has signed two different trees of 300 leaves."),
        (FORK, "has signed a tree of 300 leaves, and one of 500 that begins with other leaves."),
        (
            make_evidence(checkpoint(0, root(1)), true(300), keys=[LOG.vkey]),
            "has signed an empty tree with a root that no empty tree has.",
        ),
    ],
)
def test_what_is_proven_is_one_sentence(check: Verify, evidence: Evidence, sentence: str) -> None:
    result = check(evidence)
    assert result.exit_code == 0
    assert sentence in result.output.splitlines()[0]
    assert to_words(LOG.vkey.fingerprint) in result.output
    assert "nor who held the key" in result.output


def test_a_suspicion_proves_nothing(check: Verify) -> None:
    """A mirror that lags behind serves an old checkpoint: that is no fork."""
    result = check(make_evidence(true(300), forked(500), keys=[LOG.vkey]))
    assert result.exit_code == 1
    assert result.output.startswith("This proves nothing yet")
    assert "Proven" not in result.output


def test_another_key_or_a_changed_file_proves_nothing(check: Verify) -> None:
    changed = bytes(FORK).replace(b"\n500\n", b"\n501\n")
    for result in (check(FORK, key=STRANGER), check(changed), check(bytes(FORK)[:-1])):
        assert result.exit_code == 1
        assert len(result.output.splitlines()) == 1
    assert check(FORK, key=WITNESS).exit_code == 2


def test_a_chain_of_documents_leads_to_the_key_that_signed(check: Verify) -> None:
    """The reader knows the first key alone; the operator has recovered the log since, and a thief signs on."""
    result = check(make_evidence(true(300, LOG), forked(300, RESCUE), documents=RECOVERED))
    assert result.exit_code == 0
    assert "Document 1 took this key out of power by recovery" in result.output
    assert to_words(RESCUE.vkey.fingerprint) in result.output


def test_a_witness_tells_when(check: Verify) -> None:
    line = cosign(Checkpoint.parse(FORK.newer.text), WITNESS, TIME)
    seen = make_evidence(FORK.older, FORK.newer.signed_also([line]), keys=[LOG.vkey], hashes=FORK.hashes)
    result = check(seen, "--witness", str(WITNESS.vkey))
    assert result.exit_code == 0
    assert "peer.example/witness saw the checkpoint of 500 leaves on 2027-01-15" in result.output
