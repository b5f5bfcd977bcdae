"""A run as its member sees it: bars, rate, when it goes on and ends, and what became of each person. Pure."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from directory.accounts import LinkedAccount
from directory.follows.reasons import Reason
from directory.follows.runs import Item, Run, RunKind
from directory.follows.states import RUN_MOVES, ItemState, RunMove, RunState
from directory.services.following import Progress
from web.follow_sentences import NOTES
from web.run_kind_sentences import WORDS, KindWords, reasons_of, results_of, states_of

ACTS: Final = {
    "pause": RunMove.PAUSE,
    "resume": RunMove.RESUME,
    "cancel": RunMove.CANCEL,
    "undo": RunMove.UNDO,
}
_DONE: Final = (ItemState.FOLLOWED, ItemState.REQUESTED)
_SETTLED: Final = (*_DONE, ItemState.ALREADY, ItemState.FAILED, ItemState.SKIPPED, ItemState.UNDONE)
_MIN_FOR_RATE: Final = timedelta(minutes=1)


class PersonRow(msgspec.Struct, frozen=True):
    """One person in a run: the account, the name on X, and two sentences."""

    item: Item
    result: str
    reason: str


class RunView(msgspec.Struct, frozen=True):
    """All that the page of a run shows but its people."""

    run: Run
    account: LinkedAccount | None
    total: int
    settled: int
    counts: tuple[tuple[ItemState, str, int], ...]
    reasons: tuple[tuple[str, int], ...]
    state: str
    note: str
    per_hour: int | None
    next_slot: datetime | None
    ends_at: datetime | None
    permission_ends: datetime | None
    acts: frozenset[str]

    @property
    def words(self) -> KindWords:
        return WORDS[self.run.kind]

    @property
    def followed(self) -> int:
        """How many are followed, or were asked."""
        return sum(number for state, _, number in self.counts if state in _DONE)

    @property
    def percent(self) -> int:
        return 100 * self.settled // self.total if self.total else 100


def run_view(progress: Progress, account: LinkedAccount | None, now: datetime) -> RunView:
    """Returns what is shown of a run now."""
    run, states = progress.run, progress.counts.states
    results, reasons = results_of(run.kind), reasons_of(run.kind)
    is_at_work = run.state in {RunState.PLANNED, RunState.RUNNING, RunState.UNDOING}
    return RunView(
        run,
        account,
        progress.counts.total,
        sum(states.get(state, 0) for state in _SETTLED),
        tuple((state, results[state], states[state]) for state in ItemState if states.get(state)),
        tuple((reasons[reason], number) for reason, number in sorted(progress.counts.reasons.items())),
        states_of(run.kind)[run.state],
        NOTES.get(run.note, "") if is_at_work else "",
        _per_hour(progress, now),
        progress.next_slot if is_at_work else None,
        progress.ends_at if is_at_work else None,
        progress.permission_ends if run.state is RunState.PAUSED else None,
        _acts(progress),
    )


def person_row(item: Item, kind: RunKind) -> PersonRow:
    """Returns what is shown of one person."""
    reason = reasons_of(kind)[item.reason] if item.reason is not Reason.ALREADY_FOLLOWED else ""
    return PersonRow(item, results_of(kind)[item.state], reason)


def _acts(progress: Progress) -> frozenset[str]:
    """Returns what can be done with a run now."""
    run, states = progress.run, progress.counts.states
    acts = {name for name, move in ACTS.items() if run.state in RUN_MOVES[move]}
    if run.state not in {RunState.PAUSED, RunState.NEEDS_SIGN_IN}:
        acts.discard("resume")
        if run.state is RunState.CANCELLED and progress.counts.left:
            acts.add("resume")
    if not any(states.get(state) for state in (*_DONE, ItemState.SENT)):
        acts.discard("undo")
    if states.get(ItemState.FAILED) and run.state not in {RunState.UNDOING, RunState.UNDONE}:
        acts.add("retry")
    return frozenset(acts)


def _per_hour(progress: Progress, now: datetime) -> int | None:
    """Returns how many people an hour were followed since the run began; None while there is too little to tell."""
    run = progress.run
    took = (run.ended_at or now) - run.starts_at
    done = sum(progress.counts.states.get(state, 0) for state in _DONE)
    return round(done / (took / timedelta(hours=1))) if done and took >= _MIN_FOR_RATE else None
