"""What readers make of verified operations documents: which is in force, where to return to, which logs are one house."""

from dataclasses import replace

from federation.keys.chain import MAX_AHEAD_S, MIN_BETWEEN_S, MIN_OVERLAP_S, in_force
from federation.keys.changes import announce_key, recover_key, switch_key
from federation.keys.operations import Operations
from federation.tlog.keys import KeyKind, PrivateKey
from tests.vectors.fixed import LOG, NEXT, STRANGER, TIME, Case, base64, good, make_seed, root
from tests.vectors.of_operations import ELSEWHERE, GENESIS, RESCUING, RIGHT, next_plain

ANNOUNCED = announce_key(GENESIS, NEXT.vkey, TIME + MIN_BETWEEN_S)
SWITCHED = switch_key(ANNOUNCED, ANNOUNCED.issued + MIN_OVERLAP_S)
AHEAD = replace(ANNOUNCED, issued=TIME + 400 * 86_400)


def documents_in_force() -> list[Case]:
    def case(name: str, desc: str, now: int, *chain: Operations) -> Case:
        texts = [document.text for document in chain]
        return good(name, desc, texts=texts, now=now, number=in_force(chain, now).number)

    back = recover_key(AHEAD, TIME + 10, RESCUING)
    chain = (GENESIS, ANNOUNCED, SWITCHED)
    return [
        case("first", "the first document is in force from the start", TIME - 10**6, GENESIS, ANNOUNCED),
        case("come", "an hour ahead of the reader is near enough", SWITCHED.issued - MAX_AHEAD_S, *chain),
        case("to-come", "a second more is not", SWITCHED.issued - MAX_AHEAD_S - 1, *chain),
        case("last", "the last one", SWITCHED.issued + 10**6, *chain),
        case("far-ahead", "of a clock that ran ahead", TIME + 20, GENESIS, AHEAD),
        case("taken-back", "a recovery after it is in force", TIME + 20, GENESIS, AHEAD, back),
        case("taken-back-for-good", "also when that time has come", AHEAD.issued, GENESIS, AHEAD, back),
    ]


def return_points() -> list[Case]:
    def case(name: str, desc: str, size: int, kept_root: bytes | None, then: int) -> Case:
        tree = {"rightSize": RIGHT.size, "rightRoot": base64(RIGHT.root)}
        shown = None if kept_root is None else base64(kept_root)
        return good(name, desc, **tree, keptSize=size, keptRoot=shown, readFrom=then)

    return [
        case("behind", "a reader that has not come so far reads on", 5, None, 5),
        case("there", "at that size already", 7, root(7), 7),
        case("beyond", "what was read beyond is given up", 300, root(7), 7),
        case("other", "another tree at that size: the reader begins anew", 300, root(8), 0),
        case("other-there", "another tree of just that size", 7, root(8), 0),
    ]


def houses() -> list[Case]:
    def case(name: str, desc: str, old: list[Operations], new: Operations, *, is_same: bool) -> Case:
        return good(name, desc, old=[each.text for each in old], newFirst=new.text, isSame=is_same)

    witness = PrivateKey("new.example/witness", KeyKind.COSIGNATURE, make_seed("witness"))
    new = replace(
        GENESIS,
        origin="new.example/log",
        log_key=ELSEWHERE.vkey,
        witness_key=witness.vkey,
        moved_from=LOG.vkey,
    )
    moved = next_plain(GENESIS, moved_to=ELSEWHERE.vkey)
    taken_back = recover_key(moved, TIME, RESCUING)
    other = PrivateKey("new.example/log", KeyKind.NOTE, make_seed("stranger"))
    return [
        case("both", "each names a key of the other", [GENESIS, moved], new, is_same=True),
        case(
            "later", "also after a further document", [GENESIS, moved, next_plain(moved)], new, is_same=True
        ),
        case("old-silent", "the old log names nothing", [GENESIS], new, is_same=False),
        case(
            "new-silent",
            "the new log names nothing",
            [GENESIS, moved],
            replace(new, moved_from=None),
            is_same=False,
        ),
        case(
            "other-old",
            "another old key",
            [GENESIS, moved],
            replace(new, moved_from=STRANGER.vkey),
            is_same=False,
        ),
        case(
            "other-new", "another new key", [GENESIS, moved], replace(new, log_key=other.vkey), is_same=False
        ),
        case("taken-back", "a recovery took it back", [GENESIS, moved, taken_back], new, is_same=False),
    ]
