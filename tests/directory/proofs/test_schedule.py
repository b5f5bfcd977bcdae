from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.accounts import ProofState
from directory.identifiers import XHandle, XId
from directory.mappings import Evidence, EvidenceKind
from directory.proofs.post_url import XPostId
from directory.proofs.reasons import RefutedReason, UnreachableReason
from directory.proofs.results import CheckResult, Linked, LinkResult, Refuted, Unreachable, Verified
from directory.proofs.schedule import (
    CONFIRM_AFTER,
    DELETED_LAPSES_AFTER,
    FIRST_CHECK_WINDOW,
    RECHECK_EVERY,
    RECHECK_SPREAD,
    RECHECKABLE,
    ProofHealth,
    after_recheck,
    fresh,
    next_try,
)
from tests.harness.clock import START

ALICE = XHandle("alice")
K = EvidenceKind
DAY = timedelta(days=1)

seeds = st.text(max_size=8)


def verified(handle: XHandle = ALICE, x_id: XId | None = None) -> Verified:
    return Verified(
        x_id=x_id,
        x_handle=handle,
        post=XPostId(20),
        posted=START,
        evidence=Evidence(K.X_POST_ID if x_id else K.X_POST_HANDLE, START),
    )


GONE = Unreachable(UnreachableReason.DELETED)
SILENT = Unreachable(UnreachableReason.NO_ANSWER)
DENIED = Refuted(RefutedReason.NO_SENTENCE)
results: st.SearchStrategy[CheckResult | LinkResult] = st.one_of(
    st.builds(verified, x_id=st.sampled_from([None, XId(12)])),
    st.builds(Unreachable, st.sampled_from(UnreachableReason), st.none() | st.integers(0, 86_400)),
    st.builds(Refuted, st.sampled_from(RefutedReason)),
    st.just(Linked(Evidence(K.PROFILE_LINK, START))),
)


class TestFirstCheck:
    def tries(self, seed: str, retry_after_s: int | None = None) -> list[datetime]:
        at: list[datetime] = [START]
        while (then := next_try(START, at[-1], len(at), seed, retry_after_s)) is not None:
            at.append(then)
        return at

    @given(seeds)
    def test_it_goes_on_for_a_day_ever_less_often(self, seed: str) -> None:
        at = self.tries(seed)
        assert at[1] - START < timedelta(seconds=20)
        assert at[-1] > START + FIRST_CHECK_WINDOW - timedelta(hours=5)
        assert at[-1] <= START + FIRST_CHECK_WINDOW
        assert 10 <= len(at) <= 20

    def test_a_seed_gives_one_plan_and_another_seed_another(self) -> None:
        assert self.tries("a") == self.tries("a") != self.tries("b")

    def test_the_wait_that_a_source_asks_for_is_kept(self) -> None:
        assert next_try(START, START, 1, "a", 3_600) == START + timedelta(hours=1)
        assert next_try(START, START, 8, "a", 1) > START + timedelta(hours=4)  # type: ignore[operator] # not None
        assert next_try(START, START, 1, "a", 90_000) is None

    @given(st.integers(-5, 10**9), seeds)
    def test_any_count_gives_a_later_time_or_an_end(self, tries: int, seed: str) -> None:
        then = next_try(START, START, tries, seed)
        assert then is None or then > START


class TestRechecks:
    @given(seeds)
    def test_a_good_proof_is_looked_at_within_60_days(self, seed: str) -> None:
        health = fresh(K.X_POST_ID, ALICE, START, seed)
        assert health.next_look is not None
        assert RECHECK_EVERY - RECHECK_SPREAD <= health.next_look - START <= RECHECK_EVERY
        later = after_recheck(health, verified(x_id=XId(12)), health.next_look, seed)
        assert (later.state, later.since, later.last_held) == (ProofState.HOLDS, START, health.next_look)
        assert later.next_look is not None
        assert later.next_look > health.next_look

    @pytest.mark.parametrize("kind", EvidenceKind)
    def test_what_only_people_can_look_at_is_not_planned(self, kind: EvidenceKind) -> None:
        assert (fresh(kind, ALICE, START, "a").next_look is not None) is (kind in RECHECKABLE)

    def test_rechecks_of_one_day_spread(self) -> None:
        days = {fresh(K.X_POST_ID, ALICE, START, str(number)).next_look for number in range(100)}
        assert len(days) == 100

    def test_silence_makes_stale_and_asks_the_member_at_the_second_time(self) -> None:
        first = after_recheck(fresh(K.X_POST_ID, ALICE, START, "a"), SILENT, START + 60 * DAY, "a")
        assert (first.state, first.ask_member, first.last_held) == (ProofState.STALE, False, START)
        assert first.next_look is not None
        assert DAY <= first.next_look - START - 60 * DAY <= 1.2 * DAY
        second = after_recheck(first, SILENT, first.next_look, "a")
        assert (second.state, second.since, second.ask_member) == (ProofState.STALE, first.since, True)

    def test_a_stale_proof_that_is_seen_again_holds(self) -> None:
        stale = after_recheck(fresh(K.X_POST_ID, ALICE, START, "a"), SILENT, START + DAY, "a")
        assert after_recheck(stale, verified(), START + 2 * DAY, "a").state is ProofState.HOLDS

    def test_a_deleted_post_never_ends_the_proof_of_an_id(self) -> None:
        """People delete posts and leave X; the number of their account passes to nobody."""
        health, now = fresh(K.X_POST_ID, ALICE, START, "a"), START
        for _ in range(50):
            now += 7 * DAY
            health = after_recheck(health, GONE, now, "a")
            assert health.state is ProofState.STALE
        assert health.ask_member

    def test_a_deleted_post_ends_the_proof_of_a_handle_after_30_days(self) -> None:
        """X gives the handle away then: the mapping would lead to whoever had it before."""
        doubt = after_recheck(fresh(K.X_POST_HANDLE, ALICE, START, "a"), GONE, START, "a")
        assert (doubt.state, doubt.ask_member) == (ProofState.IN_DOUBT, True)
        almost = after_recheck(doubt, GONE, START + DELETED_LAPSES_AFTER - DAY, "a")
        assert (almost.state, almost.since) == (ProofState.IN_DOUBT, START)
        lapsed = after_recheck(almost, GONE, START + DELETED_LAPSES_AFTER, "a")
        assert (lapsed.state, lapsed.next_look) == (ProofState.LAPSED, None)

    @pytest.mark.parametrize("kind", [K.X_POST_ID, K.X_POST_HANDLE])
    def test_a_post_that_says_it_no_more_is_looked_at_twice(self, kind: EvidenceKind) -> None:
        doubt = after_recheck(fresh(kind, ALICE, START, "a"), DENIED, START, "a")
        assert (doubt.state, doubt.next_look) == (ProofState.IN_DOUBT, START + CONFIRM_AFTER)
        early = after_recheck(doubt, DENIED, START + CONFIRM_AFTER / 2, "a")
        assert early.state is ProofState.IN_DOUBT
        assert after_recheck(early, DENIED, START + CONFIRM_AFTER, "a").state is ProofState.LAPSED

    def test_a_doubt_is_lifted_by_the_post_and_not_by_silence(self) -> None:
        doubt = after_recheck(fresh(K.X_POST_ID, ALICE, START, "a"), DENIED, START, "a")
        silent = after_recheck(doubt, SILENT, START + DAY, "a")
        assert (silent.state, silent.since) == (ProofState.IN_DOUBT, START)
        assert after_recheck(silent, verified(), START + 2 * DAY, "a").state is ProofState.HOLDS

    def test_a_renamed_account_shows(self) -> None:
        health = fresh(K.X_POST_HANDLE, ALICE, START, "a")
        renamed = after_recheck(health, verified(XHandle("alice_left")), START + DAY, "a")
        assert (renamed.state, renamed.handle) == (ProofState.HOLDS, XHandle("alice_left"))

    def test_an_id_that_is_told_later_raises_the_proof_and_stays(self) -> None:
        health = fresh(K.X_POST_HANDLE, ALICE, START, "a")
        raised = after_recheck(health, verified(x_id=XId(12)), START + DAY, "a")
        assert not raised.is_by_handle
        assert not after_recheck(raised, verified(), START + 2 * DAY, "a").is_by_handle

    def test_a_link_that_stands_holds(self) -> None:
        health = fresh(K.PROFILE_LINK, ALICE, START, "a")
        held = after_recheck(health, Linked(Evidence(K.PROFILE_LINK, START)), START + DAY, "a")
        assert (held.state, held.handle, held.last_held) == (ProofState.HOLDS, ALICE, START + DAY)

    @given(st.sampled_from(sorted(RECHECKABLE)), st.lists(st.tuples(st.integers(1, 90), results)), seeds)
    def test_no_path_leads_out_of_lapsed_and_silence_never_there(
        self, kind: EvidenceKind, path: list[tuple[int, CheckResult | LinkResult]], seed: str
    ) -> None:
        health, now = fresh(kind, ALICE, START, seed), START
        for days, result in path:
            now += days * DAY
            before, health = health, after_recheck(health, result, now, seed)
            self.check_step(before, result, health, now)

    def check_step(
        self, before: ProofHealth, result: CheckResult | LinkResult, after: ProofHealth, now: datetime
    ) -> None:
        if before.state is ProofState.LAPSED:
            assert after == before
            return
        assert (after.next_look is None) is (after.state is ProofState.LAPSED)
        assert after.next_look is None or after.next_look > now
        assert after.since <= now
        if after.state is ProofState.LAPSED:
            is_gone_handle = before.is_by_handle and result == Unreachable(
                UnreachableReason.DELETED, getattr(result, "retry_after_s", None)
            )
            assert before.state is ProofState.IN_DOUBT
            assert isinstance(result, Refuted) or is_gone_handle
