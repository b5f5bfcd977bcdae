"""A mapping's leaf without a body: what a reader makes of it, and when."""

from federation.protocol.body_answers import BODY_GRACE_S, judge_missing
from tests.vectors.fixed import TIME, Case, bad, good


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
