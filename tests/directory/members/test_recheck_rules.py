"""The rules of re-checks: when they are due, what each outcome changes, and that no path ends in a wrong state."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.accounts import BlueskyAccount, LinkedAccount, ProofState
from directory.identifiers import NO_HANDLE, Acct, AtHandle, Did, XHandle, XId
from directory.mappings import Evidence, EvidenceKind
from directory.members.rechecks import (
    AWAY_AFTER,
    CONFIRM_AFTER,
    DELETED_LAPSES_AFTER,
    LOOKS_BEFORE_LAPSE,
    MAX_DELAY,
    RECHECK_EVERY,
    RECHECK_LEASE,
    RECHECK_SPREAD,
    Doubtful,
    Gone,
    Held,
    Lapsed,
    Moved,
    Outcome,
    Present,
    TargetSeen,
    Unlinked,
    XSeen,
    account_after,
    is_by_link_alone,
    judge_target,
    judge_x,
    next_recheck_at,
    rests_on_link,
)
from directory.proofs.post_url import XPostId
from directory.proofs.reasons import RefutedReason, UnreachableReason
from directory.proofs.results import CheckResult, Linked, LinkResult, Refuted, Unreachable, Verified
from tests.directory.members.people import at_mastodon, bluesky, linked, mastodon, names_of, x_account
from tests.harness.clock import START

K = EvidenceKind
DAY: Final = timedelta(days=1)
X_KINDS: Final = (K.X_POST_ID, K.X_POST_HANDLE, K.X_OAUTH, K.X_CONFIRMED, K.PROFILE_LINK)
RECHECKABLE: Final = {K.X_POST_ID, K.X_POST_HANDLE, K.PROFILE_LINK}


def on_x(kind: EvidenceKind, *, number: int = 1) -> LinkedAccount:
    """`alice` on X, with an id where the evidence binds one."""
    account = x_account("alice", 12 if kind.binds_x_id else None)
    names = names_of(bluesky("alice"))
    return linked(account, Evidence(kind, START, "https://x.com/i/status/20", names), number=number)


def at_home(*evidence: Evidence) -> LinkedAccount:
    """`alice` at a Mastodon server."""
    return linked(mastodon("alice"), at_mastodon("alice").evidence, *evidence)


def at_bluesky() -> LinkedAccount:
    """`alice` on Bluesky."""
    account = bluesky("alice")
    return linked(account, Evidence(K.BLUESKY_OAUTH, START, None, names_of(account)))


DID: Final = bluesky("alice").did


def verified(handle: str = "alice", x_id: int | None = None) -> Verified:
    return Verified(
        account=x_account(handle, x_id),
        post=XPostId(20),
        posted=START,
        evidence=Evidence(K.X_POST_ID if x_id else K.X_POST_HANDLE, START),
    )


LINK: Final = Evidence(K.PROFILE_LINK, START, "https://social.example/@alice")
LINKED: Final = Linked(LINK)
GONE: Final = Unreachable(UnreachableReason.DELETED)
SILENT: Final = Unreachable(UnreachableReason.NO_ANSWER)
DENIED: Final = Refuted(RefutedReason.NO_SENTENCE)
NO_LINK: Final = Refuted(RefutedReason.NO_LINK_BACK)

results: st.SearchStrategy[CheckResult | LinkResult] = st.one_of(
    st.builds(verified, x_id=st.sampled_from([None, 12])),
    st.builds(Unreachable, st.sampled_from(UnreachableReason), st.none() | st.integers(0, 86_400)),
    st.builds(Refuted, st.sampled_from(RefutedReason)),
    st.just(LINKED),
)
links = st.none() | st.sampled_from([LINKED, NO_LINK, SILENT])
sightings: st.SearchStrategy[TargetSeen] = st.one_of(
    st.builds(Present, st.sampled_from([mastodon("alice"), mastodon("alice", acct="a@new.example")]), links),
    st.just(Gone()),
    st.builds(Unreachable, st.just(UnreachableReason.NO_ANSWER), st.none() | st.integers(0, 86_400)),
)


def recheck_x(
    account: LinkedAccount, seen: CheckResult | LinkResult, now: datetime, attempt: int = LOOKS_BEFORE_LAPSE
) -> LinkedAccount:
    return account_after(account, judge_alone(account, seen, attempt, now), now)


def judge_alone(
    account: LinkedAccount, seen: CheckResult | LinkResult, attempt: int, now: datetime
) -> Outcome:
    """Judges one result, of the account's first evidence."""
    return judge_x(account, [XSeen(account.evidence[0], seen)], attempt, now)


def recheck(
    account: LinkedAccount, seen: TargetSeen, now: datetime, attempt: int = LOOKS_BEFORE_LAPSE
) -> LinkedAccount:
    return account_after(account, judge_target(account, seen, attempt, now), now)


class TestWhen:
    @given(st.uuids())
    def test_a_good_proof_is_rechecked_within_60_days(self, number: UUID) -> None:
        for account in (on_x(K.X_POST_ID), at_home()):
            planned = next_recheck_at(msgspec.structs.replace(account, id=number), START)
            assert planned is not None
            assert RECHECK_EVERY - RECHECK_SPREAD <= planned - START <= RECHECK_EVERY

    @pytest.mark.parametrize("kind", X_KINDS)
    def test_what_only_people_can_see_is_not_planned(self, kind: EvidenceKind) -> None:
        assert (next_recheck_at(on_x(kind), START) is not None) is (kind in RECHECKABLE)

    def test_a_link_beside_what_only_people_can_see_renews_nothing(self) -> None:
        confirmed = on_x(K.X_CONFIRMED)
        (evidence,) = confirmed.evidence
        link = msgspec.structs.replace(LINK, names=evidence.names)
        both = msgspec.structs.replace(confirmed, evidence=(evidence, link))
        assert not is_by_link_alone(both)
        assert next_recheck_at(both, START) is None

    def test_rechecks_of_one_day_spread(self) -> None:
        ids = [uuid5(UUID(int=0), str(number)) for number in range(100)]
        times = {next_recheck_at(msgspec.structs.replace(at_home(), id=each), START) for each in ids}
        assert len(times) > 80

    def test_one_that_is_late_is_due_now(self) -> None:
        assert next_recheck_at(at_home(), START + 100 * DAY) == START + 100 * DAY

    def test_a_lapsed_account_is_never_rechecked(self) -> None:
        for account in (on_x(K.X_POST_ID), at_home()):
            lapsed = account_after(account, Lapsed(), START)
            assert next_recheck_at(account, START) is not None
            assert (next_recheck_at(lapsed, START), lapsed.recheck_at) == (None, None)


class TestWaits:
    """One back-off for every unreachable source."""

    @given(attempt=st.integers(-5, 1_000))
    def test_they_grow_and_end(self, attempt: int) -> None:
        for wait, later in (
            (self.wait_x(attempt), self.wait_x(attempt + 1)),
            (self.wait(attempt), self.wait(attempt + 1)),
        ):
            assert timedelta(hours=1) <= wait <= later <= MAX_DELAY

    def test_they_are_the_same_on_both_sides(self) -> None:
        assert [self.wait_x(attempt) for attempt in range(12)] == [
            self.wait(attempt) for attempt in range(12)
        ]

    def test_the_wait_that_a_source_asks_for_is_kept(self) -> None:
        asked = Unreachable(UnreachableReason.TOO_MANY_REQUESTS, 7_200)
        assert recheck_x(on_x(K.X_POST_ID), asked, START, 1).recheck_at == START + timedelta(hours=2)
        assert recheck_x(on_x(K.X_POST_ID), asked, START, 3).recheck_at == START + timedelta(hours=4)

    @staticmethod
    def wait_x(attempt: int) -> timedelta:
        return _planned(recheck_x(on_x(K.X_POST_ID), SILENT, START, attempt))

    @staticmethod
    def wait(attempt: int) -> timedelta:
        return _planned(recheck(at_home(), SILENT, START, attempt))


def _planned(account: LinkedAccount) -> timedelta:
    assert account.recheck_at is not None
    return account.recheck_at - START


class TestX:
    def test_silence_makes_stale(self) -> None:
        first = recheck_x(on_x(K.X_POST_ID), SILENT, START + 60 * DAY)
        assert (first.health, first.health_since) == (ProofState.STALE, START + 60 * DAY)
        assert first.checked_at == START
        second = recheck_x(first, SILENT, START + 61 * DAY, 2)
        assert (second.health, second.health_since) == (ProofState.STALE, first.health_since)

    def test_a_stale_proof_that_is_seen_again_holds(self) -> None:
        stale = recheck_x(on_x(K.X_POST_ID), SILENT, START + DAY)
        held = recheck_x(stale, verified(), START + 2 * DAY)
        assert (held.health, held.health_since, held.checked_at) == (ProofState.HOLDS, None, START + 2 * DAY)

    def test_a_deleted_post_never_ends_the_proof_of_an_id(self) -> None:
        """People delete posts and leave X; the number of their account passes to nobody."""
        account, now = on_x(K.X_POST_ID), START
        for attempt in range(50):
            now += 7 * DAY
            account = recheck_x(account, GONE, now, attempt)
            assert account.health is ProofState.STALE

    def test_a_deleted_post_ends_the_proof_of_a_handle_after_30_days(self) -> None:
        """X gives the handle away then: the mapping would lead to whoever had it before."""
        doubt = recheck_x(on_x(K.X_POST_HANDLE), GONE, START)
        assert (doubt.health, doubt.recheck_at) == (ProofState.IN_DOUBT, START + CONFIRM_AFTER)
        almost = recheck_x(doubt, GONE, START + DELETED_LAPSES_AFTER - DAY)
        assert (almost.health, almost.health_since) == (ProofState.IN_DOUBT, START)
        assert almost.recheck_at == START + DELETED_LAPSES_AFTER, "on the day, and not a week after"
        lapsed = recheck_x(almost, GONE, START + DELETED_LAPSES_AFTER)
        assert (lapsed.health, lapsed.recheck_at) == (ProofState.LAPSED, None)

    @pytest.mark.parametrize("kind", [K.X_POST_ID, K.X_POST_HANDLE])
    def test_a_post_that_says_it_no_more_is_seen_twice(self, kind: EvidenceKind) -> None:
        doubt = recheck_x(on_x(kind), DENIED, START)
        assert (doubt.health, doubt.recheck_at) == (ProofState.IN_DOUBT, START + CONFIRM_AFTER)
        early = recheck_x(doubt, DENIED, START + CONFIRM_AFTER / 2)
        assert early.health is ProofState.IN_DOUBT
        assert recheck_x(early, DENIED, START + CONFIRM_AFTER).is_lapsed

    def test_a_doubt_is_lifted_by_the_post_and_not_by_silence(self) -> None:
        doubt = recheck_x(on_x(K.X_POST_ID), DENIED, START)
        silent = recheck_x(doubt, SILENT, START + DAY)
        assert (silent.health, silent.health_since) == (ProofState.IN_DOUBT, START)
        assert recheck_x(silent, verified(), START + 2 * DAY).health is ProofState.HOLDS

    def test_a_renamed_account_shows(self) -> None:
        renamed = recheck_x(on_x(K.X_POST_ID), verified("alice_left"), START + DAY)
        assert (renamed.health, renamed.account) == (ProofState.HOLDS, x_account("alice_left", 12))

    def test_a_renamed_account_that_is_known_by_its_handle_alone_has_lapsed(self) -> None:
        for seen in (verified("alice_left"), verified("alice_left", 12)):
            assert recheck_x(on_x(K.X_POST_HANDLE), seen, START + DAY).is_lapsed

    def test_an_id_that_is_told_later_raises_the_proof_and_stays(self) -> None:
        raised = recheck_x(on_x(K.X_POST_HANDLE), verified(x_id=12), START + DAY)
        assert raised.account == x_account("alice", 12)
        later = recheck_x(raised, verified(), START + 2 * DAY)
        assert later.account == x_account("alice", 12)
        assert recheck_x(later, GONE, START + 3 * DAY).health is ProofState.STALE

    def test_a_link_that_stands_holds(self) -> None:
        held = recheck_x(on_x(K.PROFILE_LINK), LINKED, START + DAY)
        assert (held.health, held.account, held.checked_at) == (
            ProofState.HOLDS,
            x_account("alice"),
            START + DAY,
        )

    @pytest.mark.parametrize("seen", [verified(x_id=13), Linked(LINK, XId(13))])
    def test_the_name_passed_to_another_account(self, seen: Verified | Linked) -> None:
        """X sold the handle: what its new bearer shows must not keep the mapping of the former one alive."""
        account = linked(x_account("alice", 12), Evidence(K.X_POST_HANDLE, START), LINK)
        doubt = recheck_x(account, seen, START + DAY)
        assert (doubt.health, doubt.account, doubt.checked_at) == (
            ProofState.IN_DOUBT,
            account.account,
            START,
        )
        assert recheck_x(doubt, seen, START + 2 * DAY).is_lapsed

    @given(st.sampled_from(sorted(RECHECKABLE)), st.lists(st.tuples(st.integers(1, 90), results)))
    def test_no_path_leads_out_of_lapsed_and_silence_never_there(
        self, kind: EvidenceKind, path: list[tuple[int, CheckResult | LinkResult]]
    ) -> None:
        account, now = on_x(kind), START
        for days, result in path:
            now += days * DAY
            before, account = account, recheck_x(account, result, now)
            self.check_step(before, result, account, now)

    @staticmethod
    def check_step(
        before: LinkedAccount, result: CheckResult | LinkResult, after: LinkedAccount, now: datetime
    ) -> None:
        if before.is_lapsed:
            assert after == before
            return
        _check_times(after, now)
        if after.is_lapsed:
            is_by_handle = not any(item.kind.binds_x_id for item in before.evidence)
            is_deleted = isinstance(result, Unreachable) and result.reason is UnreachableReason.DELETED
            assert before.health is ProofState.IN_DOUBT
            assert isinstance(result, Refuted) or (is_by_handle and is_deleted)


class TestTarget:
    def test_a_new_handle_is_taken_over(self) -> None:
        renamed = mastodon("alice", acct="a@new.example")
        held = recheck(at_home(), Present(renamed), START + DAY)
        assert (held.account, held.health, held.checked_at) == (renamed, ProofState.HOLDS, START + DAY)

    def test_what_is_gone_lapses_after_30_days_of_that(self) -> None:
        doubt = recheck(at_home(), Gone(), START)
        assert (doubt.health, doubt.recheck_at) == (ProofState.IN_DOUBT, START + CONFIRM_AFTER)
        almost = recheck(doubt, Gone(), START + DELETED_LAPSES_AFTER - DAY)
        assert almost.health is ProofState.IN_DOUBT
        assert recheck(almost, Gone(), START + DELETED_LAPSES_AFTER).is_lapsed
        assert recheck(almost, Present(mastodon("alice")), START + DELETED_LAPSES_AFTER).health is (
            ProofState.HOLDS
        )

    def test_a_month_that_a_wrong_clock_skips_ends_nothing(self) -> None:
        """The account's server was being restored; the machine came up in 2030 for a day, and the second look ended the
        proof. Only looks of a month do."""
        year = START + timedelta(days=4 * 365)
        for account, gone in ((at_home(), Gone()), (at_bluesky(), Present(BlueskyAccount(DID, NO_HANDLE)))):
            doubt = recheck(account, gone, START, 1)
            ahead = recheck(recheck(doubt, gone, year, 2), gone, year + DAY, 3)
            assert (ahead.health, ahead.account) == (ProofState.IN_DOUBT, account.account)
            assert recheck(ahead, gone, START + 30 * DAY, LOOKS_BEFORE_LAPSE) != ahead
        doubt = recheck_x(on_x(K.X_POST_HANDLE), GONE, START, 1)
        assert recheck_x(doubt, GONE, year, 2).health is ProofState.IN_DOUBT

    @pytest.mark.parametrize("state", [ProofState.STALE, ProofState.IN_DOUBT])
    def test_a_doubt_of_a_time_to_come_begins_now(self, state: ProofState) -> None:
        """It was written by a clock that ran ahead. A server that was out of reach then counted as never away, whoever had
        its domain later; and what was gone stayed in doubt until that time."""
        year = START + timedelta(days=400)
        account = msgspec.structs.replace(at_home(), health=state, health_since=year)
        for seen in (SILENT, Gone()):
            unwell = recheck(account, seen, START)
            assert unwell.health_since == START
        away = recheck(account, SILENT, START)
        back = recheck(away, Present(mastodon("alice")), START + AWAY_AFTER + DAY)
        assert back.health is (ProofState.IN_DOUBT if state is ProofState.STALE else ProofState.LAPSED)

    def test_a_did_whose_handle_leads_nowhere_stands_without_one(self) -> None:
        """A domain that was a handle is not paid for: the mapping by DID was withdrawn, and its member had to prove it anew."""
        nameless = BlueskyAccount(bluesky("alice").did, NO_HANDLE)
        doubt = recheck(at_bluesky(), Present(nameless), START)
        assert (doubt.account, doubt.health) == (at_bluesky().account, ProofState.IN_DOUBT)
        back = recheck(doubt, Present(bluesky("alice")), START + DAY)
        assert back.health is ProofState.HOLDS
        held = recheck(doubt, Present(nameless), START + DELETED_LAPSES_AFTER)
        assert (held.account, held.health) == (nameless, ProofState.HOLDS)
        again = recheck(held, Present(nameless), START + 90 * DAY)
        assert (again.account, again.health) == (nameless, ProofState.HOLDS)
        assert recheck(again, Present(bluesky("alice")), START + 150 * DAY).account == bluesky("alice")

    def test_a_did_of_a_domain_whose_handle_leads_nowhere_lapses(self) -> None:
        """Whoever buys both domains, or one that is both, answers for the DID."""
        of_domain = BlueskyAccount(Did.parse("did:web:ada.example"), AtHandle.parse("ada.example"))
        account = linked(of_domain, Evidence(K.BLUESKY_OAUTH, START, None, names_of(of_domain)))
        nameless = msgspec.structs.replace(of_domain, handle=NO_HANDLE)
        doubt = recheck(account, Present(nameless), START)
        assert recheck(doubt, Present(nameless), START + DELETED_LAPSES_AFTER).is_lapsed

    def test_a_server_that_is_away_now_and_then_does_not_put_a_doubt_off_for_ever(self) -> None:
        """The account is gone, and its server answers on some days only: what it says counts from the first day."""
        doubt = recheck(at_home(), Gone(), START)
        away = recheck(doubt, SILENT, START + 15 * DAY)
        assert (away.health, away.health_since) == (ProofState.IN_DOUBT, START)
        assert recheck(away, Gone(), START + DELETED_LAPSES_AFTER).is_lapsed

    def test_a_link_that_is_gone_ends_what_rests_on_it(self) -> None:
        account, here = at_home(LINK), Present(mastodon("alice"), NO_LINK)
        doubt = recheck(account, here, START)
        assert (doubt.health, doubt.evidence) == (ProofState.IN_DOUBT, account.evidence)
        outcome = judge_target(doubt, here, 1, START + CONFIRM_AFTER)
        assert outcome == Unlinked(mastodon("alice"))
        unlinked = account_after(doubt, outcome, START + CONFIRM_AFTER)
        assert (unlinked.health, unlinked.evidence) == (ProofState.HOLDS, at_home().evidence)

    def test_a_link_that_cannot_be_seen_is_asked_for_again(self) -> None:
        stale = recheck(at_home(LINK), Present(mastodon("alice"), SILENT), START, 1)
        assert (stale.health, stale.recheck_at) == (ProofState.STALE, START + timedelta(hours=1))

    def test_a_link_that_stands_is_seen_anew(self) -> None:
        seen = Evidence(K.PROFILE_LINK, START + DAY, LINK.ref)
        held = recheck(at_home(LINK), Present(mastodon("alice"), Linked(seen)), START + DAY)
        assert set(held.evidence) == {at_mastodon("alice").evidence, seen}

    def test_a_move_carries_nothing_and_is_confirmed_first(self) -> None:
        """Whoever buys a dead domain can make its accounts move to their own: no proof names those."""
        account, moved = at_home(LINK), Moved(mastodon("alice2"))
        doubt = recheck(account, moved, START + DAY)
        assert (doubt.health, doubt.account) == (ProofState.IN_DOUBT, account.account)
        assert judge_target(doubt, moved, 1, START + DAY + CONFIRM_AFTER) == moved
        after = account_after(doubt, moved, START + DAY + CONFIRM_AFTER)
        assert (after.health, after.account, after.evidence) == (
            ProofState.HOLDS,
            account.account,
            account.evidence,
        )

    @pytest.mark.parametrize(
        ("account", "outcome"),
        [
            (at_home(), Held(mastodon("eve"))),
            (at_home(), Held(bluesky("alice"))),
            (at_home(), Unlinked(mastodon("eve"))),
            (on_x(K.X_POST_ID), Held(x_account("alice", 13))),
            (on_x(K.X_POST_ID), Unlinked(mastodon("alice"))),
            (on_x(K.X_POST_HANDLE), Held(mastodon("alice"))),
        ],
    )
    def test_another_account_is_never_taken_for_this_one(
        self, account: LinkedAccount, outcome: Outcome
    ) -> None:
        after = account_after(account, outcome, START)
        assert (after.account, after.is_lapsed) == (account.account, True)

    @given(st.lists(st.tuples(st.integers(1, 40), sightings)))
    def test_nothing_is_taken_back_on_one_answer(self, path: list[tuple[int, TargetSeen]]) -> None:
        account, now = at_home(LINK), START
        for days, seen in path:
            now += days * DAY
            before, account = account, recheck(account, seen, now)
            if before.is_lapsed:
                assert account == before
                continue
            _check_times(account, now)
            assert account.account.is_same(before.account)
            if account.is_lapsed or len(account.evidence) < len(before.evidence):
                assert before.health is ProofState.IN_DOUBT
                assert not isinstance(seen, Unreachable)


def _check_times(after: LinkedAccount, now: datetime) -> None:
    if after.health is ProofState.HOLDS:
        assert (after.health_since, after.checked_at) == (None, now)
        return
    assert after.health_since is not None
    assert after.health_since <= now
    assert (after.recheck_at is None) is after.is_lapsed
    assert after.recheck_at is None or after.recheck_at > now


def test_a_doubt_is_planned_the_same_on_both_sides() -> None:
    """Daily: at X as at home."""
    doubts: list[Callable[[], Outcome]] = [
        lambda: judge_alone(on_x(K.X_POST_ID), DENIED, 1, START),
        lambda: judge_alone(on_x(K.X_POST_HANDLE), GONE, 1, START),
        lambda: judge_target(at_home(), Gone(), 1, START),
        lambda: judge_target(at_home(LINK), Present(mastodon("alice"), NO_LINK), 1, START),
    ]
    for doubt in doubts:
        assert doubt() == Doubtful(ProofState.IN_DOUBT, START, START + CONFIRM_AFTER)


class TestSeveralPosts:
    """An account that two posts prove, each for another target. Both names stand in what is published."""

    OF_ALICE: Final = Evidence(K.X_POST_HANDLE, START + DAY, "https://x.com/i/status/20", ("did:plc:alice",))
    OF_EVE: Final = Evidence(K.X_POST_HANDLE, START, "https://x.com/i/status/21", ("did:plc:eve",))

    def judge(self, account: LinkedAccount, alice: CheckResult, eve: CheckResult) -> LinkedAccount:
        seen = [XSeen(account.evidence[0], alice), XSeen(account.evidence[1], eve)]
        now = START + 60 * DAY
        return account_after(account, judge_x(account, seen, 1, now), now)

    @pytest.mark.parametrize("renamed", ["alice", "countess"])
    def test_posts_of_two_authors_prove_no_account(self, renamed: str) -> None:
        """Attack: @alice passed on while no source told ids, and its new bearer posted for Eve's account. At the next
        re-check the ids were told: account 12, Alice's, led to Eve, bound, by a post that account 13 had made."""
        account = linked(x_account("alice"), self.OF_ALICE, self.OF_EVE)
        after = self.judge(account, verified(renamed, 12), verified("alice", 13))
        assert (after.health, after.account) == (ProofState.IN_DOUBT, x_account("alice"))
        assert after.evidence == account.evidence

    def test_a_post_whose_author_is_unknown_renames_nobody(self) -> None:
        """Attack: Eve's account, 13, is proven as @alice. An older post, known by the name alone, is Alice's, who is
        @countess now: account 13 was called @countess, and whoever looked for Alice by name was led to Eve, bound."""
        of_eve = msgspec.structs.replace(self.OF_EVE, kind=K.X_POST_ID)
        account = linked(x_account("alice", 13), self.OF_ALICE, of_eve)
        after = self.judge(account, verified("countess"), verified("alice"))
        assert (after.health, after.account) == (ProofState.HOLDS, x_account("alice", 13))
        assert {each.names: each.at for each in after.evidence} == {
            self.OF_ALICE.names: self.OF_ALICE.at,
            of_eve.names: START,
        }, "only what was seen to be of this account is renewed"

    def test_alone_it_renews_nothing(self) -> None:
        sign_in = Evidence(K.X_OAUTH, START, names=self.OF_EVE.names)
        account = linked(x_account("alice", 13), self.OF_ALICE, sign_in)
        seen = [XSeen(self.OF_ALICE, verified("countess"))]
        after = account_after(account, judge_x(account, seen, 1, START + 60 * DAY), START + 60 * DAY)
        assert (after.health, after.account) == (ProofState.STALE, account.account)
        assert after.evidence == account.evidence

    def test_the_name_of_a_known_author_counts(self) -> None:
        """A new name of the same account, and an old copy of its other post."""
        known = [msgspec.structs.replace(each, kind=K.X_POST_ID) for each in (self.OF_ALICE, self.OF_EVE)]
        account = linked(x_account("alice", 12), *known)
        after = self.judge(account, verified("alice"), verified("countess", 12))
        assert (after.health, after.account) == (ProofState.HOLDS, x_account("countess", 12))


def test_handles_are_compared_without_regard_to_case() -> None:
    seen = recheck_x(on_x(K.X_POST_HANDLE), verified("ALICE"), START + DAY)
    assert (seen.account.handle, seen.health) == (XHandle("ALICE"), ProofState.HOLDS)


class TestAway:
    """Attack: a domain is not paid for, its server is out of reach, and months later somebody buys it and answers for
    the same addresses: the proof was renewed, and the former bearer's followers were led to the buyer."""

    @staticmethod
    def silent(days: int) -> LinkedAccount:
        account = at_home()
        for day in range(0, days + 1, 5):
            account = recheck(account, SILENT, START + day * DAY, 3)
        return account

    def test_a_month_of_silence_is_a_doubt_and_its_end_confirms_it(self) -> None:
        away = self.silent(35)
        assert (away.health, away.health_since) == (ProofState.IN_DOUBT, START)
        assert recheck(away, SILENT, START + 90 * DAY, 9).health is ProofState.IN_DOUBT
        assert recheck(away, Present(mastodon("alice")), START + 40 * DAY).is_lapsed

    def test_who_returns_between_two_looks_is_looked_at_twice(self) -> None:
        back = recheck(self.silent(30), Present(mastodon("alice")), START + 36 * DAY)
        assert (back.health, back.health_since) == (ProofState.IN_DOUBT, START)
        assert back.recheck_at == START + 37 * DAY
        assert recheck(back, Present(mastodon("alice")), START + 37 * DAY).is_lapsed

    def test_a_link_that_cannot_be_seen_is_no_silence_of_the_account(self) -> None:
        """Fault: a server answered for its account at each look, and showed no profile to strangers. After a month the account
        counted as away, and lapsed with all that was published of it."""
        account, here = at_home(LINK), Present(mastodon("alice"), SILENT)
        for day in range(0, 120, 5):
            account = recheck(account, here, START + day * DAY, 3)
            assert account.health is ProofState.STALE
        assert recheck(account, Present(mastodon("alice"), LINKED), START + 120 * DAY).health is (
            ProofState.HOLDS
        )

    def test_a_doubt_of_the_account_ends_where_it_is_seen_without_its_link(self) -> None:
        """Fault: an account was gone for a moment, seen each day for a month while its link could not be, and gone for another
        moment: it lapsed on one answer."""
        account = recheck(at_home(LINK), Gone(), START)
        for day in range(1, 30):
            account = recheck(account, Present(mastodon("alice"), SILENT), START + day * DAY)
        assert recheck(account, Gone(), START + 31 * DAY).health is ProofState.IN_DOUBT

    def test_a_doubt_of_a_link_is_still_confirmed_after_silence(self) -> None:
        account = recheck(at_home(LINK), Present(mastodon("alice"), NO_LINK), START)
        for day in range(1, 30):
            account = recheck(account, Present(mastodon("alice"), SILENT), START + day * DAY)
            assert account.health is ProofState.IN_DOUBT
        outcome = judge_target(account, Present(mastodon("alice"), NO_LINK), 3, START + 31 * DAY)
        assert outcome == Unlinked(mastodon("alice"))

    def test_less_than_a_month_is_nothing(self) -> None:
        assert (
            recheck(self.silent(25), Present(mastodon("alice")), START + 30 * DAY).health is ProofState.HOLDS
        )


class TestWhatMembersAreTold:
    """The times in the documentation, as numbers: a constant that is off by a day is off by a day here, too."""

    def test_a_good_proof_is_rechecked_after_55_to_60_days(self) -> None:
        planned = [
            next_recheck_at(msgspec.structs.replace(at_home(), id=UUID(int=number)), START)
            for number in range(1_000)
        ]
        times = [each for each in planned if each is not None]
        assert max(times) == START + 60 * DAY
        assert START + 55 * DAY < min(times) < START + 55 * DAY + timedelta(minutes=10)

    def test_what_is_deleted_has_30_days_to_come_back(self) -> None:
        """A day less, and a server that was down for a month loses its members; a day more, and X has given the
        handle to somebody else."""
        on_the_day = START + 30 * DAY
        post = recheck_x(on_x(K.X_POST_HANDLE), GONE, START)
        assert not recheck_x(post, GONE, on_the_day - timedelta(seconds=1)).is_lapsed
        assert recheck_x(post, GONE, on_the_day).is_lapsed
        home = recheck(at_home(), Gone(), START)
        assert not recheck(home, Gone(), on_the_day - timedelta(seconds=1)).is_lapsed
        assert recheck(home, Gone(), on_the_day).is_lapsed

    def test_an_unreachable_source_is_asked_after_an_hour_and_weekly_in_the_end(self) -> None:
        hours = [TestWaits.wait(attempt) / timedelta(hours=1) for attempt in range(1, 12)]
        assert hours == [1, 2, 4, 8, 16, 32, 64, 128, 168, 168, 168]

    def test_a_worker_that_died_holds_a_recheck_for_ten_minutes(self) -> None:
        assert timedelta(minutes=10) == RECHECK_LEASE


def test_a_server_that_asks_for_a_longer_wait_gets_it() -> None:
    """For the account itself as for its link: who asks on is shut out by the server, and all its members with it."""
    asked = Unreachable(UnreachableReason.TOO_MANY_REQUESTS, 7_200)
    assert recheck(at_home(), asked, START, 1).recheck_at == START + timedelta(hours=2)
    here = Present(mastodon("alice"), asked)
    assert recheck(at_home(LINK), here, START, 1).recheck_at == START + timedelta(hours=2)


def test_a_link_at_x_that_stands_is_seen_anew() -> None:
    """Else the link would still be said to be seen on the first day, half a year later."""
    seen = Evidence(K.PROFILE_LINK, START + DAY, LINK.ref)
    held = recheck_x(on_x(K.PROFILE_LINK), Linked(seen), START + DAY)
    assert [(item.kind, item.at) for item in held.evidence] == [(K.PROFILE_LINK, START + DAY)]


@pytest.mark.parametrize("seen", [verified(x_id=12), Linked(LINK, XId(12))])
def test_the_same_id_is_the_same_account(seen: Verified | Linked) -> None:
    """A source that tells the id confirms it: taken for another's, each member with an id would lapse."""
    account = linked(x_account("alice", 12), Evidence(K.X_POST_ID, START), LINK)
    assert recheck_x(account, seen, START + DAY).health is ProofState.HOLDS


def test_a_lapsed_account_tells_since_when() -> None:
    assert account_after(on_x(K.X_POST_ID), Lapsed(), START + DAY).health_since == START + DAY


def test_a_post_is_looked_at_again_whatever_stands_beside_it() -> None:
    """What a moderator saw, too, does not exempt it: who deletes the post would keep the name for ever."""
    account = on_x(K.X_POST_HANDLE)
    both = msgspec.structs.replace(account, evidence=(*account.evidence, Evidence(K.X_CONFIRMED, START)))
    assert next_recheck_at(both, START) is not None


def test_an_account_without_evidence_is_not_by_link() -> None:
    bare = msgspec.structs.replace(on_x(K.X_POST_ID), evidence=())
    assert not is_by_link_alone(bare)
    assert next_recheck_at(bare, START) is None


def test_a_new_account_rests_on_its_link_beside_its_own_evidence() -> None:
    """Its profile is asked for the link, or what is published by the link would stand after it was taken down."""
    assert rests_on_link(at_home(LINK))
    assert not rests_on_link(at_home())


NEW_HOME: Final = Acct.parse("alice@new.example")
PROFILE: Final = "https://home.example/@alice"
OLD_HOME: Final = Acct.parse("alice@old.example")


class TestWhereItMovedTo:
    """What the account's server says of a move is kept as it was heard last: the page warns of it, and nothing is
    published of an account that moved."""

    @pytest.mark.parametrize(
        ("before", "told", "after"),
        [
            (None, NEW_HOME, NEW_HOME),
            (OLD_HOME, NEW_HOME, NEW_HOME),
            (OLD_HOME, None, None),
            (OLD_HOME, msgspec.UNSET, OLD_HOME),
            (None, msgspec.UNSET, None),
        ],
    )
    @pytest.mark.parametrize("link", [None, LINKED])
    def test_it_is_as_its_server_says(
        self,
        before: Acct | None,
        told: Acct | msgspec.UnsetType | None,
        after: Acct | None,
        link: Linked | None,
    ) -> None:
        account = msgspec.structs.replace(at_home(LINK), moved_to=before)
        held = recheck(account, Present(mastodon("alice"), link, told), START + DAY)
        assert (held.health, held.moved_to) == (ProofState.HOLDS, after)

    def test_where_nobody_was_asked_it_stays(self) -> None:
        account = msgspec.structs.replace(at_home(), moved_to=OLD_HOME)
        assert recheck(account, Present(mastodon("alice")), START + DAY).moved_to == OLD_HOME
        assert account_after(account, Held(mastodon("alice")), START + DAY).moved_to == OLD_HOME

    @pytest.mark.parametrize(
        ("told", "after"),
        [("https://new.example/@a", "https://new.example/@a"), (None, None), (msgspec.UNSET, PROFILE)],
    )
    @pytest.mark.parametrize("link", [None, LINKED])
    def test_its_page_is_as_its_server_tells_it(
        self, told: str | msgspec.UnsetType | None, after: str | None, link: Linked | None
    ) -> None:
        """A page that was read wrongly once, or that the server has given up, does not stay for ever; a server that did
        not answer has told nothing."""
        account = msgspec.structs.replace(at_home(LINK), page=PROFILE)
        held = recheck(account, Present(mastodon("alice"), link, page=told), START + DAY)
        assert (held.health, held.page) == (ProofState.HOLDS, after)

    def test_a_confirmed_move_is_told(self) -> None:
        moved = Moved(mastodon("alice", host="new.example"))
        assert account_after(at_home(), moved, START + DAY).moved_to == NEW_HOME


class TestSeveralPieces:
    """All evidence of an X account is looked at together; the worst that is seen counts."""

    POST: Final = Evidence(K.X_POST_HANDLE, START, "https://x.com/i/status/20", ("did:plc:one",))
    OTHER: Final = Evidence(K.X_POST_HANDLE, START, "https://x.com/i/status/21", ("did:plc:two",))

    def judge(
        self, *results: CheckResult | LinkResult, kind: EvidenceKind = K.X_POST_HANDLE
    ) -> LinkedAccount:
        x_id = 12 if kind is K.X_POST_ID else None
        pieces = (self.POST, msgspec.structs.replace(self.OTHER, kind=kind))
        account = linked(x_account("alice", x_id), *pieces)
        seen = [XSeen(piece, result) for piece, result in zip(pieces, results, strict=True)]
        return account_after(account, judge_x(account, seen, 1, START), START)

    @pytest.mark.parametrize("bad", [DENIED, GONE])
    def test_one_that_is_gone_or_says_another_thing_is_a_doubt(self, bad: CheckResult) -> None:
        """Its other post would have kept alive what the withdrawn one had named."""
        for results in ((bad, verified()), (verified(), bad), (bad, SILENT)):
            assert self.judge(*results).health is ProofState.IN_DOUBT

    def test_a_deleted_post_beside_a_known_id_is_no_doubt(self) -> None:
        """People delete posts; the number of their account passes to nobody."""
        assert self.judge(GONE, verified(x_id=12), kind=K.X_POST_ID).health is ProofState.HOLDS

    def test_a_link_of_another_number_is_a_doubt(self) -> None:
        account = linked(x_account("alice", 12), LINK)
        seen = [XSeen(LINK, Linked(LINK, XId(13)))]
        assert account_after(account, judge_x(account, seen, 1, START), START).health is ProofState.IN_DOUBT
        same = [XSeen(LINK, Linked(LINK, XId(12)))]
        assert account_after(account, judge_x(account, same, 1, START), START).health is ProofState.HOLDS

    def test_of_several_waits_the_longest_is_kept(self) -> None:
        """Asking earlier than a source allows gets us turned away for longer."""
        waits = [Unreachable(UnreachableReason.TOO_MANY_REQUESTS, wait) for wait in (7_200, 14_400)]
        for results in (waits, waits[::-1], [waits[1], SILENT], [SILENT, waits[1]]):
            assert self.judge(*results).recheck_at == START + timedelta(hours=4)
        assert self.judge(SILENT, SILENT).recheck_at == START + timedelta(hours=1)

    def test_what_is_proven_by_links_alone(self) -> None:
        """The page says which proof to keep: the post, or the links."""
        assert is_by_link_alone(linked(x_account("alice"), LINK))
        assert not is_by_link_alone(linked(x_account("alice"), LINK, self.POST))
        assert not is_by_link_alone(linked(x_account("alice")))
