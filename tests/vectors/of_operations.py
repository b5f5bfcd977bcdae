"""Operations documents: a first one, rotation, recovery, and what does not follow."""

import json
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

from federation.keys.chain import MIN_BETWEEN_S, MIN_OVERLAP_S, sign_operations
from federation.keys.changes import Recovery, announce_key, recover_key, switch_key
from federation.keys.operations import Operations, RightTree, fingerprint_recovery
from federation.protocol.entry import OperationsEntry, encode_entry
from federation.tlog.ed25519 import Seed
from federation.tlog.keys import KeyKind, PrivateKey
from federation.tlog.note import Signature, sign_note
from federation.tlog.text import encode_base64
from tests.vectors.curve import P, encode
from tests.vectors.fixed import (
    LOG,
    NEXT,
    ORIGIN,
    OWN_WITNESS,
    PEER,
    RECOVERY,
    RECOVERY_2,
    RESCUE,
    STRANGER,
    TIME,
    WITNESS,
    Case,
    bad,
    base64,
    good,
    make_seed,
    root,
)

GENESIS = Operations(
    ORIGIN,
    0,
    None,
    TIME,
    LOG.vkey,
    None,
    OWN_WITNESS.vkey,
    PEER.public_key,
    fingerprint_recovery(RECOVERY.vkey.public_key),
    policy=(("recheck_s", 5_184_000), ("validity_s", 15_552_000)),
)


RIGHT = RightTree(7, root(7))
RESCUING = Recovery(RECOVERY.vkey, RESCUE.vkey, fingerprint_recovery(RECOVERY_2.vkey.public_key), RIGHT)
ELSEWHERE = PrivateKey("new.example/log", KeyKind.NOTE, make_seed("next"))


def next_plain(previous: Operations, **change: Any) -> Operations:
    """An ordinary document an hour after `previous`, which changes only what is given."""
    issued = previous.issued + MIN_BETWEEN_S
    following = {"number": previous.number + 1, "previous": previous.digest, "issued": issued}
    cleared = {"recovered_by": None, "right_tree": None, "moved_from": None}
    return replace(previous, **{**following, **cleared, **change})


def operations() -> list[Case]:
    announced = announce_key(GENESIS, NEXT.vkey, TIME + MIN_BETWEEN_S)
    switched = switch_key(announced, announced.issued + MIN_OVERLAP_S)
    rescued = recover_key(announced, TIME + 20, RESCUING)
    ahead = replace(announced, issued=253_402_300_799)
    rescued_from_ahead = recover_key(ahead, TIME - 1, RESCUING)
    rescued_again = recover_key(
        rescued,
        TIME,
        Recovery(
            RECOVERY_2.vkey, LOG.vkey, fingerprint_recovery(STRANGER.vkey.public_key), RightTree(9, root(9))
        ),
    )
    moved = next_plain(GENESIS, moved_to=ELSEWHERE.vkey)
    first, second = (GENESIS, LOG), (announced, LOG, NEXT)
    grab = replace(announced, log_key=NEXT.vkey, next_key=None)

    def chain(*signed: tuple[Operations | PrivateKey, ...]) -> Case:
        notes = [
            bytes(sign_operations(document, [key for key in keys if isinstance(key, PrivateKey)])).decode()
            for document, *keys in signed
            if isinstance(document, Operations)
        ]
        documents = [each[0] for each in signed if isinstance(each[0], Operations)]
        return {
            "logKey": str(LOG.vkey),
            "notes": notes,
            "entries": [encode_entry(OperationsEntry(document.digest)).hex() for document in documents],
            "checkpointKeys": [str(key) for key in documents[-1].checkpoint_keys],
        }

    def wrong(*signed: tuple[Operations | PrivateKey, ...]) -> Case:
        return {name: value for name, value in chain(*signed).items() if name in {"logKey", "notes"}}

    def spelled(text: str) -> Case:
        """A text that no document has, signed all the same."""
        return {"logKey": str(LOG.vkey), "notes": [bytes(sign_note(text, [LOG])).decode()]}

    def spelled_after(previous: Operations, fields: Mapping[str, object]) -> Case:
        """A recovery after `previous` with other fields, None for one that is left out."""
        value = {**json.loads(recover_key(previous, TIME, RESCUING).text), **fields}
        kept = {name: each for name, each in value.items() if each is not None}
        text = json.dumps(kept, sort_keys=True, separators=(",", ":")) + "\n"
        notes = [sign_operations(GENESIS, [LOG]), sign_operations(previous, [LOG, NEXT])]
        notes.append(sign_note(text, [RECOVERY, RESCUE]))
        return {"logKey": str(LOG.vkey), "notes": [bytes(note).decode() for note in notes]}

    def changed(**fields: object) -> Case:
        value = json.loads(GENESIS.text) | fields
        return spelled(json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n")

    cases = [
        good("first", "the first document of a log", **chain(first)),
        good("announced", "the next key signs too", **chain(first, second)),
        good("switched", "seven days later it takes over", **chain(first, second, (switched, LOG))),
        good(
            "recovered",
            "the recovery key names another log key at once",
            **chain(first, second, (rescued, RECOVERY, RESCUE)),
        ),
        good(
            "recovered-from-far-ahead",
            "a recovery is bound by no time before it, not even of the year 9999",
            **chain(first, (ahead, LOG, NEXT), (rescued_from_ahead, RECOVERY, RESCUE)),
        ),
        good(
            "recovered-again",
            "the next recovery key, and an earlier time than the last recovery's",
            **chain(first, second, (rescued, RECOVERY, RESCUE), (rescued_again, RECOVERY_2, LOG)),
        ),
        good("moved", "the instance goes on under another name", **chain(first, (moved, LOG))),
        good("still-moved", "it stays said", **chain(first, (moved, LOG), (next_plain(moved), LOG))),
        good(
            "move-taken-back",
            "a recovery takes it back",
            **chain(first, (moved, LOG), (recover_key(moved, TIME, RESCUING), RECOVERY, RESCUE)),
        ),
        good(
            "ext",
            "room to grow",
            **chain(first, (next_plain(GENESIS, ext=(("a", "1"), ("b_2", "text"))), LOG)),
        ),
        bad(
            "too-soon",
            "a second less than an hour after the one before",
            **wrong(first, (replace(announced, issued=announced.issued - 1), LOG, NEXT)),
        ),
        bad(
            "too-soon-after-recovery",
            "less than an hour after a recovery",
            **wrong(
                first,
                second,
                (rescued, RECOVERY, RESCUE),
                (next_plain(rescued, issued=rescued.issued + MIN_BETWEEN_S - 1), RESCUE),
            ),
        ),
        bad(
            "move-unsaid",
            "the log key takes a move back",
            **wrong(first, (moved, LOG), (next_plain(moved, moved_to=None), LOG)),
        ),
        bad(
            "moved-by-recovery",
            "a recovery says a move",
            **wrong(first, second, (replace(rescued, moved_to=ELSEWHERE.vkey), RECOVERY, RESCUE)),
        ),
        bad("moved-first", "a first document says a move", **changed(moved_to=str(ELSEWHERE.vkey))),
        bad("moved-within", "moved from its own name", **changed(moved_from=str(STRANGER.vkey))),
        bad(
            "moved-from-spelled",
            "moved from a log that no host has in its one spelling",
            **changed(moved_from=str(PrivateKey("New.example/log", KeyKind.NOTE, make_seed("next")).vkey)),
        ),
        bad("moved-from-witness", "moved from a witness key", **changed(moved_from=str(WITNESS.vkey))),
        bad(
            "right-tree-alone", "a size and root without a recovery", **changed(size=1, root=base64(root(1)))
        ),
        bad("ext-empty", "an empty ext is left out", **changed(ext={})),
        bad("ext-name", "a name in upper case", **changed(ext={"A": "1"})),
        bad("ext-text", "an empty text", **changed(ext={"a": ""})),
        bad("ext-long", "a text of 501 characters", **changed(ext={"a": "x" * 501})),
        bad("ext-many", "17 texts", **changed(ext={f"n{n:02}": "1" for n in range(17)})),
        *[
            bad(f"recovered-{name}", desc, **spelled_after(announced, fields))
            for name, desc, fields in (
                ("no-size", "a recovery without a size", {"size": None}),
                ("no-root", "a recovery without a root", {"root": None}),
                ("size-zero", "the size 0: not even the first document was right", {"size": 0}),
                ("root-short", "a root of 31 bytes", {"root": base64(bytes(31))}),
            )
        ],
        bad(
            "other-key",
            "a first document under another key",
            **wrong((replace(GENESIS, log_key=NEXT.vkey), NEXT)),
        ),
        bad("starts-late", "the first document is missing", **wrong(second)),
        bad("gap", "a document is missing", **wrong(first, (switched, LOG))),
        bad("not-possessed", "the next key has not signed", **wrong(first, (announced, LOG))),
        bad("not-in-power", "the log key has not signed", **wrong(first, (announced, NEXT))),
        bad("not-announced", "a key takes over that was not announced", **wrong(first, (grab, LOG, NEXT))),
        bad(
            "too-early",
            "a second less than seven days",
            **wrong(first, second, (replace(switched, issued=switched.issued - 1), LOG)),
        ),
        bad(
            "recovery-changed",
            "the log key names another recovery key",
            **wrong(first, (replace(announced, recovery=bytes(32)), LOG, NEXT)),
        ),
        bad(
            "other-recovery",
            "another recovery key",
            **wrong(
                first,
                second,
                (replace(rescued, recovered_by=RECOVERY_2.vkey, recovery=bytes(32)), RECOVERY_2, RESCUE),
            ),
        ),
        bad("recovery-missing", "the recovery key has not signed", **wrong(first, second, (rescued, RESCUE))),
        bad(
            "older",
            "older than the one before",
            **wrong(first, (replace(announced, issued=TIME - 1), LOG, NEXT)),
        ),
        bad("space", "not in canonical form", **spelled(GENESIS.text.replace('"v":1', '"v": 1'))),
        bad("two-lines", "a second line", **spelled(GENESIS.text + "more\n")),
        bad("more", "a field that is not known", **changed(more=1)),
        bad("version", "another version", **changed(v=2)),
        bad("previous", "the first document follows none", **changed(previous="00" * 32)),
        bad("policy-beyond", "a number of 2^53", **changed(policy={"validity_s": 2**53})),
        bad("policy-name", "a name in upper case", **changed(policy={"Validity": 1})),
        bad("year", "issued after the year 9999", **changed(issued=253_402_300_800)),
        bad("witness-name", "a witness key of another host", **changed(witness=str(WITNESS.vkey))),
        bad("kinds", "a witness key in the place of the log key", **changed(log=str(OWN_WITNESS.vkey))),
        bad("same-key", "the peer key is the log key", **changed(peer=encode_base64(LOG.vkey.public_key))),
        bad(
            "recovery-same", "the recovery key is the log key", **changed(recovery=LOG.vkey.fingerprint.hex())
        ),
        bad("peer-short", "a peer key of 31 bytes", **changed(peer=encode_base64(bytes(31)))),
    ]
    return [*cases, *_fields_missing(), *_other_values(), *_lengths(), *_other_links(), *_other_lines()]


def _write(value: Mapping[str, object]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n"


def _fields_of(document: Operations, **change: object) -> dict[str, object]:
    """The fields of a document with others in their place, None for one that is left out."""
    fields = {**json.loads(document.text), **change}
    return {name: value for name, value in fields.items() if value is not None}


def _chain(*signed: tuple[str, list[PrivateKey]]) -> Case:
    """Texts that may be no documents, and signatures that are right."""
    notes = [bytes(sign_note(text, keys)).decode() for text, keys in signed]
    return {"logKey": str(LOG.vkey), "notes": notes}


def _first(**change: object) -> Case:
    return _chain((_write(_fields_of(GENESIS, **change)), [LOG]))


def _second(**change: object) -> Case:
    return _chain((GENESIS.text, [LOG]), (_write(_fields_of(next_plain(GENESIS), **change)), [LOG]))


def _told(case: Case) -> Case:
    """What a chain says, all of whose documents the log key has signed alone."""
    texts = [note.partition("\n\n")[0] + "\n" for note in case["notes"]]
    entries = [encode_entry(OperationsEntry(sha256(text.encode()).digest())).hex() for text in texts]
    return {**case, "entries": entries, "checkpointKeys": [str(LOG.vkey)]}


def _fields_missing() -> list[Case]:
    names = ("v", "origin", "number", "issued", "log", "witness", "peer", "recovery", "policy")
    return [
        *(bad(f"without-{name}", "a field is missing", **_first(**{name: None})) for name in names),
        bad("without-previous", "a later document names the one before", **_second(previous=None)),
    ]


def _other_values() -> list[Case]:
    values: list[tuple[str, str, dict[str, object]]] = [
        ("version-true", "true is no number", {"v": True}),
        ("number-text", "a number as a text", {"number": "0"}),
        ("number-true", "true is no number", {"number": True}),
        ("issued-text", "a time as a text", {"issued": str(TIME)}),
        ("origin-case", "an origin that is not in its one spelling", {"origin": "Instance.example/log"}),
        ("log-fingerprint", "a fingerprint in the place of a key", {"log": LOG.vkey.fingerprint.hex()}),
        ("next-same", "the next key is the log key", {"next": str(LOG.vkey)}),
        ("next-witness", "a witness key in the place of the next key", {"next": str(OWN_WITNESS.vkey)}),
        ("peer-zero", "a peer key of small order", {"peer": base64(bytes(32))}),
        ("peer-beyond", "a peer key whose y is not below p", {"peer": base64(encode(P + 3, 0))}),
        ("peer-unpadded", "base64 without its padding", {"peer": base64(PEER.public_key).rstrip("=")}),
        ("recovery-upper-case", "hex in upper case", {"recovery": GENESIS.recovery.hex().upper()}),
        ("recovery-short", "a fingerprint of 31 bytes", {"recovery": GENESIS.recovery.hex()[:62]}),
        ("policy-list", "a policy is an object", {"policy": []}),
        ("policy-text", "a policy holds numbers alone", {"policy": {"validity_s": "1"}}),
        ("policy-true", "true is no number", {"policy": {"validity_s": True}}),
        ("policy-many", "33 names", {"policy": {f"n{n}": 1 for n in range(33)}}),
        ("policy-name-long", "a name of 33 characters", {"policy": {"n" * 33: 1}}),
        ("size-alone", "a size without a recovery", {"size": 1}),
        ("root-alone", "a root without a recovery", {"root": base64(root(1))}),
        ("moved-from-peer", "moved from the log of the peer key", {"moved_from": _elsewhere(PEER)}),
    ]
    recovered = {"recovered": str(RECOVERY.vkey), "size": 1, "root": base64(root(1)), "recovery": "00" * 32}
    return [
        *(bad(label, desc, **_first(**change)) for label, desc, change in values),
        bad(
            "recovered-first",
            "a first document that says that it recovers",
            **_chain((_write(_fields_of(GENESIS, **recovered)), [RECOVERY, LOG])),
        ),
        bad("moved-from-later", "only a first document says it", **_second(moved_from=str(ELSEWHERE.vkey))),
        good(
            "moved-from",
            "the log of an instance that had another name",
            **_told(_first(moved_from=str(ELSEWHERE.vkey))),
        ),
        good("policy-empty", "a policy without a name", **_told(_first(policy={}))),
        good("policy-32", "32 names", **_told(_first(policy={f"n{n}": 1 for n in range(32)}))),
    ]


def _elsewhere(seed: Seed) -> str:
    return str(PrivateKey("new.example/log", KeyKind.NOTE, seed).vkey)


def _lengths() -> list[Case]:
    def filled(length: int) -> Case:
        ext = {f"n{n:02}": "a" * 450 for n in range(16)}
        shorter = length - len(_write(_fields_of(GENESIS, ext=ext)))
        return _first(
            ext=ext | {f"n{n:02}": "a" * (450 + shorter // 16 + (n < shorter % 16)) for n in range(16)}
        )

    return [
        good("longest", "8,000 bytes", **_told(filled(8_000))),
        bad("one-too-long", "8,001 bytes", **filled(8_001)),
    ]


def _other_links() -> list[Case]:
    """A second document that the log key has signed, and that does not follow."""
    moved = next_plain(GENESIS, moved_to=ELSEWHERE.vkey)
    elsewhere = PrivateKey("other.example/log", KeyKind.NOTE, make_seed("next"))
    moved_on = next_plain(moved, moved_to=elsewhere.vkey)
    return [
        bad("number-skipped", "the number 2 after the number 0", **_second(number=2)),
        bad("number-again", "the number 1 twice", **_chain(
            (GENESIS.text, [LOG]),
            (next_plain(GENESIS).text, [LOG]),
            (next_plain(next_plain(GENESIS), number=1).text, [LOG]),
        )),
        bad("previous-other", "the hash of another document", **_second(previous="00" * 32)),
        bad("previous-upper-case", "hex in upper case", **_second(previous=GENESIS.digest.hex().upper())),
        bad("moved-elsewhere", "the log key says another move", **_chain(
            (GENESIS.text, [LOG]), (moved.text, [LOG]), (moved_on.text, [LOG])
        )),
        good("hour", "an hour after the one before", **_told(_second())),
        *_announced_again(),
    ]  # fmt: skip


def _announced_again() -> list[Case]:
    """A document in between announces the key anew: the seven days are counted from the document before the switch."""
    announced = announce_key(GENESIS, NEXT.vkey, TIME + MIN_BETWEEN_S)
    again = next_plain(announced)
    switched = switch_key(again, again.issued + MIN_OVERLAP_S)

    def until(issued: int) -> Case:
        return _chain(
            (GENESIS.text, [LOG]),
            (announced.text, [LOG, NEXT]),
            (again.text, [LOG]),
            (replace(switched, issued=issued).text, [LOG]),
        )

    return [
        good(
            "announced-again",
            "seven days after the document before",
            **{**_told(until(switched.issued)), "checkpointKeys": [str(NEXT.vkey)]},
        ),
        bad(
            "announced-again-too-early",
            "seven days after the key was named first",
            **until(announced.issued + MIN_OVERLAP_S),
        ),
    ]


def _other_lines() -> list[Case]:
    """Lines besides those that a document needs."""
    second = next_plain(GENESIS).text
    false = Signature(ORIGIN, LOG.vkey.key_id, bytes(64))
    beside = bytes(sign_note(second, [LOG]).signed_also([false])).decode()
    first = bytes(sign_note(GENESIS.text, [LOG])).decode()
    return [
        bad("line-false", "a false line of the log key beside a true one", logKey=str(LOG.vkey), notes=[first, beside]),
        good("line-stranger", "a line of a key that it does not name", **_told(_chain((GENESIS.text, [LOG, STRANGER])))),
    ]  # fmt: skip
