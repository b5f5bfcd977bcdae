"""Operations documents: a first one, rotation, recovery, and what does not follow."""

import json
from dataclasses import replace

from federation.keys.chain import MIN_OVERLAP_S, announce_key, recover_key, sign_operations, switch_key
from federation.keys.operations import Operations, fingerprint_recovery
from federation.protocol.entry import OperationsEntry, encode_entry
from federation.tlog.keys import PrivateKey
from federation.tlog.note import sign_note
from federation.tlog.text import encode_base64
from tests.vectors.fixed import (
    LOG,
    NEXT,
    ORIGIN,
    OWN_WITNESS,
    PEER,
    RECOVERY,
    RECOVERY_2,
    RESCUE,
    TIME,
    WITNESS,
    Case,
    bad,
    good,
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


def operations() -> list[Case]:
    announced = announce_key(GENESIS, NEXT.vkey, TIME + 10)
    switched = switch_key(announced, TIME + 10 + MIN_OVERLAP_S)
    rescued = recover_key(
        announced,
        TIME + 20,
        recovered_by=RECOVERY.vkey,
        log_key=RESCUE.vkey,
        recovery=fingerprint_recovery(RECOVERY_2.vkey.public_key),
    )
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

    def changed(**fields: object) -> Case:
        value = json.loads(GENESIS.text) | fields
        return spelled(json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n")

    return [
        good("first", "the first document of a log", **chain(first)),
        good("announced", "the next key signs too", **chain(first, second)),
        good("switched", "seven days later it takes over", **chain(first, second, (switched, LOG))),
        good(
            "recovered",
            "the recovery key names another log key at once",
            **chain(first, second, (rescued, RECOVERY, RESCUE)),
        ),
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
