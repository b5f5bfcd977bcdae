import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import InvalidOperations, UntrustedOperations
from federation.keys.chain import (
    MAX_AHEAD_S,
    MAX_ORDINARY,
    MAX_RECOVERIES,
    MIN_BETWEEN_S,
    MIN_OVERLAP_S,
    ChainEnd,
    end_of,
    in_force,
    open_chain,
    open_first_operations,
    open_next_operations,
    parse_operations_note,
    required_keys,
    sign_operations,
)
from federation.keys.changes import Recovery, announce_key, recover_key, switch_key
from federation.keys.documents import find_signers
from federation.keys.moving import is_same_house
from federation.keys.operations import (
    MAX_OPERATIONS_BYTES,
    POLICY_RECHECK_S,
    POLICY_VALIDITY_S,
    Operations,
    RightTree,
    fingerprint_recovery,
)
from federation.keys.return_point import size_to_read_from
from federation.protocol.entry import OperationsEntry, encode_entry
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.ed25519 import Seed
from federation.tlog.keys import KeyKind, PrivateKey
from federation.tlog.note import sign_note
from tests.federation.strategies import raises_only, spoiled, spoiled_text

ORIGIN = "example.org/log"
START = 1_800_000_000


def key(letter: bytes, name: str = ORIGIN, kind: KeyKind = KeyKind.NOTE) -> PrivateKey:
    return PrivateKey(name, kind, Seed(letter * 32))


FIRST, SECOND, THIRD = key(b"1"), key(b"2"), key(b"3")
WITNESS = key(b"w", "example.org/witness", KeyKind.COSIGNATURE)
PEER = Seed(b"p" * 32)
ELSEWHERE = key(b"e", "new.example/log")
RECOVERY, RECOVERY_2 = key(b"r", "example.org/recovery"), key(b"s", "example.org/recovery")

GENESIS = Operations(
    ORIGIN,
    0,
    None,
    START,
    FIRST.vkey,
    None,
    WITNESS.vkey,
    PEER.public_key,
    fingerprint_recovery(RECOVERY.vkey.public_key),
    policy=((POLICY_RECHECK_S, 5_184_000), (POLICY_VALIDITY_S, 15_552_000)),
)
RIGHT = RightTree(7, bytes(range(32)))
ANNOUNCED = announce_key(GENESIS, SECOND.vkey, START + MIN_BETWEEN_S)
SWITCHED = switch_key(ANNOUNCED, ANNOUNCED.issued + MIN_OVERLAP_S)
RESCUE = Recovery(RECOVERY.vkey, THIRD.vkey, fingerprint_recovery(RECOVERY_2.vkey.public_key), RIGHT)
RECOVERED = recover_key(ANNOUNCED, START + 20, RESCUE)


def signed(document: Operations, *keys: PrivateKey) -> bytes:
    return bytes(sign_operations(document, keys))


def test_the_text_is_one_line_of_plain_json() -> None:
    assert GENESIS.text.endswith("}\n")
    assert "\n" not in GENESIS.text[:-1]
    value = json.loads(GENESIS.text)
    assert json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n" == GENESIS.text
    assert set(value) == {"issued", "log", "number", "origin", "peer", "policy", "recovery", "v", "witness"}
    assert GENESIS.digest == sha256(GENESIS.text.encode()).digest()
    assert encode_entry(OperationsEntry(GENESIS.digest)) == b"\x03" + GENESIS.digest


@pytest.mark.parametrize("document", [GENESIS, ANNOUNCED, SWITCHED, RECOVERED])
def test_what_is_written_is_read_again(document: Operations) -> None:
    assert Operations.parse(str(document)) == document


@given(st.sampled_from([GENESIS, RECOVERED]).flatmap(lambda each: spoiled_text(each.text)) | st.text())
def test_anything_else_is_refused_with_one_error(text: str) -> None:
    document = raises_only(InvalidOperations, Operations.parse, text)
    assert document is None or document.text == text


@given(spoiled(signed(ANNOUNCED, FIRST, SECOND)) | st.binary(max_size=200))
def test_no_change_of_a_signed_document_is_followed(data: bytes) -> None:
    raises_only(InvalidOperations, parse_operations_note, data)
    try:
        document = open_next_operations(data, GENESIS)
    except (InvalidOperations, UntrustedOperations):
        return
    assert document == ANNOUNCED


def test_a_key_is_rotated_with_an_overlap() -> None:
    notes = [signed(GENESIS, FIRST), signed(ANNOUNCED, FIRST, SECOND), signed(SWITCHED, FIRST)]
    assert open_chain(notes, FIRST.vkey) == [GENESIS, ANNOUNCED, SWITCHED]
    keys = [each.checkpoint_keys for each in (GENESIS, ANNOUNCED, SWITCHED)]
    assert keys == [(FIRST.vkey,), (FIRST.vkey, SECOND.vkey), (SECOND.vkey,)]


def test_the_recovery_key_signs_in_place_of_a_lost_one_and_at_once() -> None:
    notes = [signed(GENESIS, FIRST), signed(ANNOUNCED, FIRST, SECOND), signed(RECOVERED, RECOVERY, THIRD)]
    assert open_chain(notes, FIRST.vkey)[-1].checkpoint_keys == (THIRD.vkey,)
    assert required_keys(RECOVERED, ANNOUNCED) == (RECOVERY.vkey, THIRD.vkey)


def test_every_key_that_must_sign_is_missed() -> None:
    """Naming a key that one does not hold would tie a log to somebody else's key."""
    for document, previous, keys in [
        (ANNOUNCED, GENESIS, [FIRST]),
        (ANNOUNCED, GENESIS, [SECOND]),
        (SWITCHED, ANNOUNCED, [SECOND]),
        (RECOVERED, ANNOUNCED, [RECOVERY]),
        (RECOVERED, ANNOUNCED, [THIRD, FIRST, SECOND]),
    ]:
        with pytest.raises(UntrustedOperations):
            open_next_operations(signed(document, *keys), previous)
    with pytest.raises(UntrustedOperations):
        open_first_operations(signed(GENESIS, SECOND), FIRST.vkey)


def test_a_first_document_under_another_key_is_not_this_logs() -> None:
    """Whoever holds the address must not be able to start the log anew under a key of their own."""
    impostor = replace(GENESIS, log_key=THIRD.vkey)
    with pytest.raises(UntrustedOperations):
        open_first_operations(signed(impostor, THIRD), FIRST.vkey)
    with pytest.raises(UntrustedOperations):
        open_first_operations(signed(ANNOUNCED, FIRST, SECOND), FIRST.vkey)


@pytest.mark.parametrize(
    ("change", "keys"),
    [
        ({"log_key": SECOND.vkey}, (FIRST, SECOND)),
        ({"recovery": bytes(32)}, (FIRST,)),
        ({"number": 2}, (FIRST,)),
        ({"previous": bytes(32)}, (FIRST,)),
        ({"issued": START + MIN_BETWEEN_S - 1}, (FIRST,)),
        (
            {
                "origin": "other.example/log",
                "log_key": key(b"1", "other.example/log").vkey,
                "witness_key": key(b"w", "other.example/witness", KeyKind.COSIGNATURE).vkey,
            },
            (key(b"1", "other.example/log"),),
        ),
        (
            {"recovered_by": RECOVERY_2.vkey, "recovery": bytes(32), "right_tree": RIGHT},
            (RECOVERY_2, FIRST),
        ),
        (
            {"recovered_by": RECOVERY.vkey, "recovery": bytes(32), "number": 2, "right_tree": RIGHT},
            (RECOVERY,),
        ),
    ],
)
def test_a_document_that_does_not_follow_is_refused(
    change: dict[str, Any], keys: tuple[PrivateKey, ...]
) -> None:
    """A stolen log key can neither take over at once nor name another recovery key."""
    follower = replace(GENESIS, number=1, previous=GENESIS.digest, issued=START + MIN_BETWEEN_S)
    open_next_operations(signed(follower, FIRST), GENESIS)
    with pytest.raises(UntrustedOperations):
        open_next_operations(signed(replace(follower, **change), *keys), GENESIS)


def test_a_switch_waits_for_the_overlap() -> None:
    with pytest.raises(InvalidOperations):
        switch_key(ANNOUNCED, ANNOUNCED.issued + MIN_OVERLAP_S - 1)
    with pytest.raises(InvalidOperations):
        switch_key(GENESIS, START + MIN_OVERLAP_S)
    early = replace(SWITCHED, issued=ANNOUNCED.issued + MIN_OVERLAP_S - 1)
    with pytest.raises(UntrustedOperations):
        open_next_operations(signed(early, FIRST), ANNOUNCED)


def test_a_recovery_key_serves_once() -> None:
    with pytest.raises(InvalidOperations):
        recover_key(GENESIS, START, replace(RESCUE, recovery=GENESIS.recovery))
    with pytest.raises(InvalidOperations):
        recover_key(GENESIS, START, replace(RESCUE, recovered_by=RECOVERY_2.vkey, recovery=bytes(32)))
    once = replace(
        GENESIS,
        number=1,
        previous=GENESIS.digest,
        recovered_by=RECOVERY.vkey,
        recovery=bytes(32),
        right_tree=RIGHT,
    )
    twice = replace(once, number=2, previous=once.digest)
    with pytest.raises(UntrustedOperations):
        open_next_operations(signed(twice, RECOVERY), once)


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "example.org"},
        {"origin": "/log"},
        {"origin": "exämple.org/log"},
        {"number": -1},
        {"number": 1},
        {"previous": bytes(32)},
        {"previous": bytes(31), "number": 1},
        {"issued": -1},
        {"issued": 253_402_300_800},
        {"log_key": RECOVERY.vkey},
        {"log_key": WITNESS.vkey},
        {"next_key": FIRST.vkey},
        {"witness_key": key(b"w", "example.org/witness").vkey},
        {"witness_key": key(b"1", "example.org/witness", KeyKind.COSIGNATURE).vkey},
        {"peer_key": bytes(31)},
        {"peer_key": FIRST.seed.public_key},
        {"recovery": bytes(31)},
        {"recovery": fingerprint_recovery(FIRST.seed.public_key)},
        {"recovered_by": RECOVERY.vkey},
        {"recovered_by": RECOVERY.vkey, "number": 1, "previous": bytes(32)},
        {"recovered_by": RECOVERY.vkey, "right_tree": RIGHT},
        {"right_tree": RIGHT},
        {"moved_to": ELSEWHERE.vkey},
        {"moved_from": SECOND.vkey},
        {"moved_from": WITNESS.vkey},
        {"moved_from": key(b"1", "new.example/log").vkey},
        {"moved_from": key(b"m", "/log").vkey},
        {"moved_from": key(b"m", "new.example/recovery").vkey},
        {"moved_from": ELSEWHERE.vkey, "number": 1, "previous": bytes(32)},
        {"ext": (("b", "1"), ("a", "1"))},
        {"ext": (("a", ""),)},
        {"policy": (("b", 1), ("a", 1))},
        {"policy": (("a", 1), ("a", 1))},
        {"policy": (("a b", 1),)},
        {"policy": (("a", -1),)},
        {"policy": (("a", 2**53),)},
        {"policy": tuple((f"a{n:02}", 1) for n in range(33))},
    ],
)
def test_a_document_that_makes_no_sense_is_not_written(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidOperations):
        replace(GENESIS, **wrong)


def test_a_document_has_its_limits() -> None:
    with pytest.raises(InvalidOperations):
        Operations.parse(GENESIS.text + " " * MAX_OPERATIONS_BYTES)


def test_a_name_in_the_policy_that_nobody_knows_does_no_harm() -> None:
    document = replace(GENESIS, policy=(("later_idea", 3),))
    assert Operations.parse(document.text) == document
    assert document.policy == (("later_idea", 3),)


def test_a_checkpoint_is_never_a_document_nor_a_document_a_checkpoint() -> None:
    """One key signs both: neither may pass for the other."""
    checkpoint = bytes(sign_note(str(Checkpoint(ORIGIN, 1, bytes(32))), [FIRST]))
    with pytest.raises(InvalidOperations):
        open_first_operations(checkpoint, FIRST.vkey)
    with pytest.raises(Exception, match="not a checkpoint"):
        Checkpoint.parse(GENESIS.text)


def plain(previous: Operations, **change: Any) -> Operations:
    """Returns an ordinary document an hour after `previous`."""
    issued = previous.issued + MIN_BETWEEN_S
    follower = replace(
        previous,
        number=previous.number + 1,
        previous=previous.digest,
        issued=issued,
        recovered_by=None,
        right_tree=None,
        moved_from=None,
    )
    return replace(follower, **change)


def test_recoveries_count_apart_from_what_a_thief_can_write() -> None:
    """Attack: a stolen log key signs documents until no more are read, so that the recovery is refused."""
    end = ChainEnd(GENESIS)
    for _ in range(MAX_ORDINARY):
        end = end.after(plain(end.document))
    with pytest.raises(UntrustedOperations, match="since the last recovery"):
        end.after(plain(end.document))
    recovered = recover_key(end.document, START, RESCUE)
    end = end.after(recovered)
    assert (end.ordinary, end.recoveries) == (0, 1)
    assert end.after(plain(recovered)).ordinary == 1
    full = replace(end, recoveries=MAX_RECOVERIES)
    with pytest.raises(UntrustedOperations, match="recoveries"):
        full.after(recovered)
    assert end_of([GENESIS, ANNOUNCED, RECOVERED]) == ChainEnd(RECOVERED, 0, 1)


@pytest.mark.parametrize("ahead", [0, 400 * 86_400, 250_000_000_000])
def test_no_time_that_a_thief_writes_binds_a_recovery(ahead: int) -> None:
    """Attack: a document that was issued in the year 9000, after which nothing could follow."""
    theirs = plain(GENESIS, issued=START + MIN_BETWEEN_S + ahead)
    recovered = recover_key(theirs, START - 1, RESCUE)
    chain = [GENESIS, theirs, recovered]
    notes = [signed(GENESIS, FIRST), signed(theirs, FIRST), signed(recovered, RECOVERY, THIRD)]
    assert open_chain(notes, FIRST.vkey) == chain
    assert in_force(chain, START) == recovered
    assert in_force(chain, theirs.issued) == recovered


def test_a_document_is_in_force_when_its_time_has_come() -> None:
    chain = [GENESIS, ANNOUNCED, SWITCHED]
    assert in_force(chain, SWITCHED.issued - MAX_AHEAD_S) == SWITCHED
    assert in_force(chain, SWITCHED.issued - MAX_AHEAD_S - 1) == ANNOUNCED
    assert in_force(chain, 0) == GENESIS, "operators have compared it"


def test_a_recovery_is_in_force_before_its_time() -> None:
    """Attack: a thief of the log key has named a peer key of their own. The operators recover on a machine whose clock runs a
    day ahead: until then the thief would ask in their name, and for what only peers are given."""
    stolen = replace(plain(GENESIS), peer_key=Seed(b"q" * 32).public_key)
    recovered = replace(recover_key(stolen, START + 86_400, RESCUE), peer_key=GENESIS.peer_key)
    chain = [GENESIS, stolen, recovered]
    assert open_chain(
        [signed(GENESIS, FIRST), signed(stolen, FIRST), signed(recovered, RECOVERY, THIRD)], FIRST.vkey
    )
    assert in_force(chain, stolen.issued).peer_key == GENESIS.peer_key


def test_the_keys_of_now_and_of_later_sign() -> None:
    chain = [GENESIS, ANNOUNCED, SWITCHED]
    assert find_signers(chain, SWITCHED.issued) == ([SECOND.vkey], [])
    assert find_signers(chain, ANNOUNCED.issued) == ([FIRST.vkey, SECOND.vkey], [])
    assert find_signers(chain, 0) == ([FIRST.vkey, SECOND.vkey], [])
    later = recover_key(ANNOUNCED, START + 10**6, RESCUE)
    assert find_signers([GENESIS, ANNOUNCED, later], ANNOUNCED.issued) == (
        [THIRD.vkey],
        [FIRST.vkey, SECOND.vkey],
    )


def test_a_move_is_taken_back_by_the_recovery_key_alone() -> None:
    """Attack: a stolen log key says that the instance goes on elsewhere."""
    moved = plain(GENESIS, moved_to=ELSEWHERE.vkey)
    open_next_operations(signed(moved, FIRST), GENESIS)
    open_next_operations(signed(plain(moved), FIRST), moved)
    for target in (None, key(b"f", "new.example/log").vkey):
        with pytest.raises(UntrustedOperations, match="moved to"):
            open_next_operations(signed(plain(moved, moved_to=target), FIRST), moved)
    back = recover_key(moved, START, RESCUE)
    assert back.moved_to is None
    open_next_operations(signed(back, RECOVERY, THIRD), moved)
    kept = replace(back, moved_to=ELSEWHERE.vkey)
    open_next_operations(signed(kept, RECOVERY, THIRD), moved)
    anew = replace(back, moved_to=key(b"f", "new.example/log").vkey)
    with pytest.raises(UntrustedOperations, match="anew"):
        open_next_operations(signed(anew, RECOVERY, THIRD), moved)


def test_two_logs_are_one_house_where_each_names_the_other() -> None:
    new = replace(
        GENESIS,
        origin="new.example/log",
        log_key=ELSEWHERE.vkey,
        witness_key=key(b"v", "new.example/witness", KeyKind.COSIGNATURE).vkey,
        moved_from=FIRST.vkey,
    )
    moved = plain(GENESIS, moved_to=ELSEWHERE.vkey)
    assert is_same_house([GENESIS, moved], new)
    assert is_same_house([GENESIS, moved, plain(moved)], new)
    assert not is_same_house([], new)
    assert not is_same_house([GENESIS], new)
    assert not is_same_house([GENESIS, moved], replace(new, moved_from=None))
    assert not is_same_house([GENESIS, moved], replace(new, moved_from=THIRD.vkey))
    assert not is_same_house([GENESIS, moved], replace(new, log_key=key(b"f", "new.example/log").vkey))
    assert not is_same_house([GENESIS, moved, recover_key(moved, START, RESCUE)], new)


@pytest.mark.parametrize(
    ("kept", "root", "size"),
    [(3, None, 3), (7, RIGHT.root, 7), (9, RIGHT.root, 7), (9, bytes(32), 0), (7, bytes(32), 0)],
)
def test_a_reader_of_a_fork_goes_back_to_where_the_log_was_right(
    kept: int, root: bytes | None, size: int
) -> None:
    assert size_to_read_from(kept, RIGHT, root) == size
