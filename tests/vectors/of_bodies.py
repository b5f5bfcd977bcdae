"""What a log answers for the leaves of a bundle, as bytes; and what a reader makes of a leaf without a body."""

from federation.protocol.body_answers import (
    BODY_GRACE_S,
    Body,
    Ended,
    Erased,
    LeafAnswer,
    Lost,
    NeverMapping,
    judge_missing,
)
from federation.protocol.body_wire import encode_answers
from tests.vectors.fixed import TIME, Case, bad, good

SALT = bytes(range(32))
LAST_LEAF = 2**63 - 2


def missing() -> list[Case]:
    now, over = TIME, TIME + BODY_GRACE_S
    told: list[tuple[str, str, int | None, int | None, int]] = [
        ("first", "it is missed for the first time", None, None, now),
        ("same-checkpoint", "asked again, and nothing new was read of the log", None, now, now),
        ("soon", "a second before the grace is over", None, now, over - 1),
        ("revoked", "a revoke came with a later checkpoint", 9, now, now + 60),
        ("revoked-late", "a revoke excuses, however late it is read", 9, now, over + 86_400),
        ("revoked-first", "it was revoked before it was missed", 9, None, now),
        ("clock-back", "the clock of the log went back", None, now, now - 1),
    ]
    cases = [
        good(
            name,
            desc,
            **_given(revoked_by, missing_at, checkpoint_at),
            verdict=judge_missing(revoked_by, missing_at, checkpoint_at).value,
        )
        for name, desc, revoked_by, missing_at, checkpoint_at in told
    ]
    return [
        *cases,
        bad("over", "15 minutes by the clock of the log, and no revoke", **_given(None, now, over)),
        bad("long-over", "a day", **_given(None, now, now + 86_400)),
        bad("from-nought", "since the log began to count", **_given(None, 0, BODY_GRACE_S)),
    ]


def _given(revoked_by: int | None, missing_at: int | None, checkpoint_at: int) -> Case:
    return {"revokedBy": revoked_by, "missingAt": missing_at, "checkpointAt": checkpoint_at}


def answers() -> list[Case]:
    told: list[tuple[str, str, list[LeafAnswer]]] = [
        (
            "bodies",
            "two leaves that hold, the shortest body and the longest",
            [Body(SALT, b"{"), Body(SALT, b"x" * 4_000)],
        ),
        (
            "each",
            "a body, and each answer in its place",
            [NeverMapping(), Body(SALT, b"{}"), Erased(300), Ended(1), Lost()],
        ),
        ("ends", "the largest values", [Erased(LAST_LEAF), Ended(255)]),
        ("full", "a full bundle without a body", [Ended(2)] * 256),
    ]
    return [
        *(
            good(
                name, desc, content=encode_answers(each).hex(), width=len(each), answers=list(map(say, each))
            )
            for name, desc, each in told
        ),
        *_bad_answers(),
    ]


def say(answer: LeafAnswer) -> Case:
    """What a vector tells of an answer."""
    match answer:
        case Body(salt, body):
            return {"says": "body", "salt": salt.hex(), "body": body.hex()}
        case Erased(by):
            return {"says": "erased", "by": by}
        case Ended(reason):
            return {"says": "ended", "reason": reason}
        case NeverMapping():
            return {"says": "never"}
        case _:
            return {"says": "lost"}


def _bad_answers() -> list[Case]:
    never, body = encode_answers([NeverMapping()]), encode_answers([Body(SALT, b"{}")])
    told: list[tuple[str, str, bytes, int]] = [
        ("empty", "nothing", b"", 1),
        ("html", "a page of a web server", b"<!DOCTYPE html>", 1),
        ("too-few", "a leaf is not answered", never, 2),
        ("too-many", "one answer more than leaves", never * 2, 1),
        ("trailing", "a byte more", never + b"\0", 1),
        ("cut-length", "it ends within a length", never[:3], 1),
        ("cut-value", "it ends within a value", never[:-1], 1),
        ("cut-body", "it ends within a body", body[:-1], 1),
        ("no-body", "a salt without a body", (32).to_bytes(4, "big") + SALT, 1),
        ("long-body", "a body of 4,001 bytes", (4_033).to_bytes(4, "big") + SALT + b"x" * 4_001, 1),
        ("huge", "a length beyond what came", b"\xff" * 4 + SALT, 1),
        ("kind-0", "a kind that does not exist", bytes(13), 1),
        ("kind-5", "as above", bytes(4) + b"\x05" + bytes(8), 1),
        ("reason-256", "no reason is so large", bytes(4) + b"\x02" + (256).to_bytes(8, "big"), 1),
        ("by-last", "no tree has such a leaf", bytes(4) + b"\x01" + (2**63 - 1).to_bytes(8, "big"), 1),
        ("never-1", "never a mapping, and a value", bytes(4) + b"\x03" + (1).to_bytes(8, "big"), 1),
        ("lost-1", "lost, and a value", bytes(4) + b"\x04" + (1).to_bytes(8, "big"), 1),
        ("width-0", "a bundle has a leaf", b"", 0),
        ("width-257", "a bundle has no more than 256", never * 257, 257),
    ]
    return [bad(name, desc, content=content.hex(), width=width) for name, desc, content, width in told]
