import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from federation.errors import InvalidCheckpoint, InvalidCosignature, InvalidKey, UntrustedNote
from federation.tlog.checkpoint import (
    Checkpoint,
    LogTrust,
    open_checkpoint,
    parse_signed_checkpoint,
    sign_checkpoint,
)
from federation.tlog.cosignature import MAX_TIME, CosignatureVerifier, cosign, parse_time
from federation.tlog.ed25519 import Seed
from federation.tlog.keys import KeyKind, PrivateKey
from federation.tlog.merkle import EMPTY_ROOT
from federation.tlog.note import NoteVerifier, Signature, sign_note
from tests.federation.strategies import checkpoints, raises_only, spoiled, spoiled_text

ORIGIN = "example.org/log"
LOG = PrivateKey(ORIGIN, KeyKind.NOTE, Seed(b"l" * 32))
OLD_LOG = PrivateKey(ORIGIN, KeyKind.NOTE, Seed(b"o" * 32))
WITNESS = PrivateKey("peer.example/witness", KeyKind.COSIGNATURE, Seed(b"w" * 32))
CHECKPOINT = Checkpoint(ORIGIN, 20_852_163, bytes(range(32)))
SIGNED = sign_checkpoint(CHECKPOINT, [LOG])
TRUST = LogTrust(ORIGIN, (NoteVerifier(LOG.vkey),))
WITNESSED = LogTrust(ORIGIN, (NoteVerifier(LOG.vkey),), (CosignatureVerifier(WITNESS.vkey),), 1)


@given(checkpoints)
def test_what_is_written_is_read_again(checkpoint: Checkpoint) -> None:
    assert Checkpoint.parse(str(checkpoint)) == checkpoint


@given(st.text(max_size=100) | checkpoints.flatmap(lambda each: spoiled_text(str(each))))
@example(f"{ORIGIN}\n+5\n{'A' * 43}=\n")
@example(f"{ORIGIN}\n05\n{'A' * 43}=\n")
@example(f"{ORIGIN}\n5_0\n{'A' * 43}=\n")
@example(f"{ORIGIN}\n\u0665\n{'A' * 43}=\n")
@example(f"{ORIGIN}\n9223372036854775808\n{'A' * 43}=\n")
@example(f"{ORIGIN}\n5\n{'A' * 42}B=\n")
@example(f"{ORIGIN}\n5\n{'A' * 44}\n")
@example(f"{ORIGIN}\n5\n{'A' * 43}=\n\n")
@example(f"\n5\n{'A' * 43}=\n")
@example(f"{ORIGIN}\n5\n{'A' * 43}=")
def test_anything_else_is_refused_with_one_error(text: str) -> None:
    checkpoint = raises_only(InvalidCheckpoint, Checkpoint.parse, text)
    assert checkpoint is None or str(checkpoint) == text


@given(spoiled(bytes(SIGNED)) | st.binary(max_size=200))
def test_no_change_of_a_signed_checkpoint_is_believed(data: bytes) -> None:
    raises_only(InvalidCheckpoint, parse_signed_checkpoint, data)
    try:
        signed = open_checkpoint(data, TRUST)
    except (InvalidCheckpoint, UntrustedNote):
        return
    assert signed.checkpoint == CHECKPOINT


def test_a_checkpoint_of_another_log_is_not_this_one() -> None:
    """A key's owner must not be able to speak for another origin."""
    other = sign_note(str(Checkpoint("other.example/log", 1, EMPTY_ROOT)), [LOG])
    with pytest.raises(InvalidCheckpoint):
        open_checkpoint(bytes(other), TRUST)
    with pytest.raises(InvalidCheckpoint):
        sign_checkpoint(Checkpoint("other.example/log", 1, EMPTY_ROOT), [LOG])


def test_a_size_or_root_that_none_can_be_is_no_checkpoint() -> None:
    for origin, size, root in [
        (ORIGIN, -1, EMPTY_ROOT),
        (ORIGIN, 2**63, EMPTY_ROOT),
        (ORIGIN, 1, b""),
        ("", 1, EMPTY_ROOT),
        ("a\nb", 1, EMPTY_ROOT),
    ]:
        with pytest.raises(InvalidCheckpoint):
            Checkpoint(origin, size, root)


def test_either_key_opens_a_checkpoint_signed_by_both() -> None:
    """The overlap of a rotation: nobody is locked out who knows one of the two keys."""
    both = bytes(sign_checkpoint(CHECKPOINT, [OLD_LOG, LOG]))
    for key in (LOG, OLD_LOG):
        signed = open_checkpoint(both, LogTrust(ORIGIN, (NoteVerifier(key.vkey),)))
        assert len(signed.log_signatures) == len(signed.unknown) == 1


def test_a_witness_is_counted_once_its_cosignature_is_true() -> None:
    with pytest.raises(UntrustedNote):
        open_checkpoint(bytes(SIGNED), WITNESSED)
    line = cosign(CHECKPOINT, WITNESS, 1_679_315_147)
    cosigned = SIGNED.signed_also([line])
    signed = open_checkpoint(bytes(cosigned), WITNESSED)
    assert signed.cosignatures == (line,)
    assert parse_time(line.payload) == 1_679_315_147
    assert signed.verified_note == cosigned
    assert open_checkpoint(bytes(cosigned), TRUST).verified_note == SIGNED


def test_a_witness_with_two_lines_is_one_witness() -> None:
    """A witness that cosigns twice must not make a quorum of two."""
    lines = [cosign(CHECKPOINT, WITNESS, time) for time in (1, 2)]
    trust = LogTrust(ORIGIN, TRUST.log_keys, WITNESSED.witnesses, 2)
    with pytest.raises(UntrustedNote):
        open_checkpoint(bytes(SIGNED.signed_also(lines)), trust)


def test_a_witness_alone_does_not_speak_for_the_log() -> None:
    stranger = PrivateKey(ORIGIN, KeyKind.NOTE, Seed(b"s" * 32))
    note = sign_checkpoint(CHECKPOINT, [stranger]).signed_also([cosign(CHECKPOINT, WITNESS, 1)])
    with pytest.raises(UntrustedNote):
        open_checkpoint(bytes(note), WITNESSED)


def test_a_cosignature_moved_in_time_is_false() -> None:
    """An old cosignature passed off as fresh would hide that a log has been frozen."""
    line = cosign(CHECKPOINT, WITNESS, 1_679_315_147)
    for time in (0, 1_679_315_148, 2**63, 2**64 - 1):
        moved = Signature(line.name, line.key_id, time.to_bytes(8, "big") + line.payload[8:])
        with pytest.raises(UntrustedNote):
            open_checkpoint(bytes(SIGNED.signed_also([moved])), WITNESSED)


@given(st.binary(max_size=100) | st.binary(min_size=72, max_size=72))
def test_any_payload_is_a_cosignature_with_a_time_or_refused(payload: bytes) -> None:
    time = raises_only(InvalidCosignature, parse_time, payload)
    assert time is None or (len(payload) == 72 and time <= MAX_TIME)
    assert not CosignatureVerifier(WITNESS.vkey).is_valid(str(CHECKPOINT).encode(), payload)


def test_each_kind_of_key_does_its_own_work_only() -> None:
    with pytest.raises(InvalidKey):
        cosign(CHECKPOINT, LOG, 1)
    with pytest.raises(InvalidKey):
        CosignatureVerifier(LOG.vkey)
    with pytest.raises(InvalidKey):
        sign_checkpoint(CHECKPOINT, [PrivateKey(ORIGIN, KeyKind.COSIGNATURE, Seed(bytes(32)))])
    for time in (-1, 2**63):
        with pytest.raises(InvalidCosignature):
            cosign(CHECKPOINT, WITNESS, time)
