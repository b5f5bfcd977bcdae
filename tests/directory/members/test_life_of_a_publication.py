"""Any acts of members in any order: only what they want published answers, and no row is left over."""

import asyncio
import shutil
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from directory.accounts import LinkedAccount, ProofState
from directory.members.errors import MemberError, UnknownPublication
from directory.members.publications import Publication, Wish
from directory.members.rechecks import Doubtful, Held, Lapsed, Outcome
from directory.queries import Query
from directory.services.leaving import Leaving
from directory.services.lookup import Lookup
from directory.services.membership import Membership
from directory.store.claims import ClaimStore
from directory.store.database import Database
from directory.store.erasures import ErasureStore
from directory.store.exports import ExportStore
from directory.store.mappings import MappingStore
from directory.store.members import MemberStore
from directory.store.publications import PublicationStore
from directory.store.rechecks import RecheckStore
from tests.directory.members.logged import LoggedPublishing
from tests.directory.members.people import INSTANCE, at_bluesky, at_mastodon, on_x
from tests.harness.clock import FakeClock
from tests.harness.mappings import ORIGIN

NAMES = ["ada", "bob"]
TABLES = "member, linked_account, contested_claim, consent, publication, mapping, origin"
LOG: Final = "log_state, log_cosignature, log_tile, log_statement, log_operations"

T = TypeVar("T")


class LifeOfAPublication(RuleBasedStateMachine):
    """Two people, each with an X account and one on each network. `meant` is what each published last."""

    dsn: str
    folder: Path

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.clock = FakeClock()
        self.meant: dict[tuple[str, str], set[str]] = {}
        self.members: dict[str, UUID] = {}
        self.run(self._open())

    async def _open(self) -> None:
        database = self.database = await Database.connect(self.dsn, max_connections=2)
        async with database.connection() as connection:
            await connection.execute(f"TRUNCATE {TABLES}, {LOG} RESTART IDENTITY CASCADE")
        self.membership = Membership(MemberStore(database), ClaimStore(database), self.clock)
        self.publications = PublicationStore(database)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.publishing = LoggedPublishing(database, self.clock, self.folder)
        self.leaving = Leaving(ExportStore(database), ErasureStore(database), self.clock, INSTANCE)
        self.rechecks = RecheckStore(database)
        self.lookup = Lookup(MappingStore(database), self.clock, ORIGIN)

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.run(self.database.close())
            self.runner.close()

    def run(self, action: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(action)

    def x_of(self, name: str) -> str:
        return str(100 + NAMES.index(name))

    def accounts(self, name: str) -> dict[str, LinkedAccount]:
        if name not in self.members:
            return {}
        return {str(each.network): each for each in self.run(self.membership.accounts(self.members[name]))}

    def published(self, name: str, network: str) -> Publication | None:
        found = self.run(self.publishing.list_of(self.members[name]))
        return next((each for each in found if each.network == network), None)

    @rule(name=st.sampled_from(NAMES))
    def join(self, name: str) -> None:
        self.members[name] = self.run(self.membership.sign_in(at_bluesky(name, at=self.clock.now()))).member

    @rule(name=st.sampled_from(NAMES), part=st.sampled_from(["x", "mastodon"]))
    def link(self, name: str, part: str) -> None:
        if name in self.members:
            at = self.clock.now()
            proven = on_x(name, int(self.x_of(name)), at=at) if part == "x" else at_mastodon(name, at=at)
            self.run(self.membership.link(self.members[name], proven))

    @rule(name=st.sampled_from(NAMES), part=st.sampled_from(["x", "mastodon"]))
    def unlink(self, name: str, part: str) -> None:
        account = self.accounts(name).get(part)
        if account is not None:
            self.run(self.membership.unlink(self.members[name], account.id))
            for network in ["bluesky", "mastodon"] if part == "x" else [part]:
                self.meant.pop((name, network), None)

    @rule(name=st.sampled_from(NAMES), network=st.sampled_from(["bluesky", "mastodon"]))
    def publish(self, name: str, network: str) -> None:
        accounts = self.accounts(name)
        if "x" in accounts and network in accounts:
            wish = Wish(accounts["x"].id, accounts[network].id, 1)
            try:
                self.run(self.publishing.publish(self.members[name], wish))
            except MemberError:
                return
            self.meant[name, network] = {str(accounts[network].account.id)}

    @rule(name=st.sampled_from(NAMES), network=st.sampled_from(["bluesky", "mastodon"]))
    def withdraw(self, name: str, network: str) -> None:
        publication = self.published(name, network) if name in self.members else None
        if publication is not None:
            self.run(self.publishing.withdraw(self.members[name], publication.id))
            self.meant.pop((name, network), None)
            with pytest.raises(UnknownPublication):
                self.run(self.publishing.withdraw(self.members[name], publication.id))

    @rule()
    def the_log_says_it(self) -> None:
        self.run(self.publishing.say())

    @rule(name=st.sampled_from(NAMES), label=st.sampled_from(["one", "two"]))
    def rename(self, name: str, label: str) -> None:
        if name in self.members:
            self.run(
                self.membership.sign_in(
                    at_bluesky(name, handle=f"{name}.{label}.example", at=self.clock.now())
                )
            )

    @rule(days=st.sampled_from([1, 30, 61, 181]))
    def wait(self, days: int) -> None:
        self.clock.advance(days=days)
        self.run(self.publications.drop_expired_publications(self.clock.now(), 100))

    @rule(outcome=st.sampled_from(["held", "stale", "lapsed"]))
    def look_again(self, outcome: str) -> None:
        now = self.clock.now()
        for job in self.run(self.rechecks.claim_due_rechecks(now, 10)):
            outcomes: dict[str, Outcome] = {
                "held": Held(job.account.account),
                "stale": Doubtful(ProofState.STALE, now, now + timedelta(days=1)),
                "lapsed": Lapsed(),
            }
            self.run(self.rechecks.record_recheck(job, outcomes[outcome], now))
            if outcome == "lapsed":
                for name, member in self.members.items():
                    if member == job.account.member:
                        for network in ["bluesky", "mastodon"]:
                            if job.account.network in {"x", network}:
                                self.meant.pop((name, network), None)

    @precondition(lambda self: self.members)
    @rule(name=st.sampled_from(NAMES))
    def erase(self, name: str) -> None:
        if name in self.members:
            self.run(self.leaving.erase(self.members.pop(name)))
            for network in ["bluesky", "mastodon"]:
                self.meant.pop((name, network), None)

    @invariant()
    def only_what_is_meant_answers(self) -> None:
        if not hasattr(self, "lookup"):
            return
        for name in NAMES:
            match = self.run(self.lookup.lookup(Query.parse(self.x_of(name))))
            for answer in match.answers:
                meant = self.meant.get((name, answer.mapping.network))
                assert meant == {str(answer.mapping.target_id)}
                assert answer.mapping.expires > self.clock.now()

    @invariant()
    def nothing_is_left_behind(self) -> None:
        if hasattr(self, "database"):
            self.run(self._check_rows())

    async def _check_rows(self) -> None:
        async with self.database.connection() as connection:
            stray = await connection.fetch(
                "SELECT * FROM mapping m WHERE NOT EXISTS"
                " (SELECT FROM publication p WHERE p.mapping = m.id OR p.replaces = m.id)"
            )
            unwatched = await connection.fetchval(
                "SELECT count(*) FROM linked_account a WHERE (recheck_at IS NOT NULL) IS DISTINCT FROM"
                " EXISTS (SELECT FROM publication WHERE x_account = a.id OR target_account = a.id)"
            )
        for row in stray:
            assert (row["state"], row["x_id"], row["x_handle"], row["target_id"], row["evidence"]) == (
                2,
                None,
                "",
                "",
                "[]",
            )
            assert row["leaf"] is not None
        assert unwatched == 0, "all that is published, and nothing else, is looked at again"


def test_any_life_of_a_publication(dsn: str, tmp_path: Path) -> None:
    class Machine(LifeOfAPublication):
        pass

    Machine.dsn, Machine.folder = dsn, tmp_path / "instance"
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
