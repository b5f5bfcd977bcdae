"""Proves an X account by links: the page to link to, the check, and its result."""

from collections.abc import Collection
from uuid import UUID

from directory.accounts import LinkedAccount, ProvenAccount, XAccount
from directory.clock import Clock
from directory.identifiers import XHandle
from directory.members.page_links import LinkCheck, LinkJob, MemberPage, is_page_code
from directory.proofs.link_verdict import LinksSeen, NotShown, Shown, judge_links
from directory.store.link_checks import LinkCheckStore
from directory.store.member_pages import MemberPageStore


class PageLinks:
    """Pages of this instance's members as proof. `is_offered`: whether a source of X profiles is set."""

    def __init__(
        self, pages: MemberPageStore, checks: LinkCheckStore, clock: Clock, *, base_url: str, is_offered: bool
    ) -> None:
        self._pages = pages
        self._checks = checks
        self._clock = clock
        self._base_url = base_url
        self.is_offered = is_offered

    def address(self, code: str) -> str:
        """Returns the address that the profiles have to link to."""
        return f"{self._base_url}/m/{code}"

    async def make_page(self, member: UUID) -> None:
        """Makes the member's lasting page and shows all their new accounts on it. Raises MemberGone."""
        await self._pages.make_page(member)

    async def page_of(self, member: UUID) -> MemberPage | None:
        """Finds the member's page. Returns None where they made none."""
        return await self._pages.find_page_of_member(member)

    async def find_page(self, code: str) -> list[LinkedAccount]:
        """Reads the accounts that a page shows. Returns an empty list where `code` is no page's."""
        return await self._pages.find_page(code) if is_page_code(code) else []

    async def submit(self, member: UUID, x_handle: XHandle) -> LinkCheck:
        """Submits a check of the profiles. Raises MemberGone, NoPage, TooManyAttempts."""
        return await self._checks.submit_link_check(member, x_handle, self._clock.now())

    async def latest_check(self, member: UUID) -> LinkCheck | None:
        """Finds the member's newest check."""
        return await self._checks.find_latest_link_check(member)

    async def claim_due(self, limit: int, busy: Collection[str] = ()) -> list[LinkJob]:
        """Claims checks of profiles to attempt now, each for five minutes; none that talks to a `busy` host."""
        return await self._checks.claim_due_link_checks(self._clock.now(), limit, busy)

    async def release(self, job: LinkJob) -> None:
        """Releases a check whose attempt was broken off: it is due again now, the attempt not counted."""
        await self._checks.release_link_check(job.check, self._clock.now())

    async def record(self, job: LinkJob, seen: LinksSeen) -> None:
        """Records the result of a check. Repeated, late, or for an erased member, it changes nothing."""
        now, verdict = self._clock.now(), judge_links(seen)
        if isinstance(verdict, Shown):
            proven = ProvenAccount(XAccount(verdict.x_id, job.check.x_handle), verdict.x)
            await self._checks.record_shown(job.check, proven, verdict.new, now)
        elif isinstance(verdict, NotShown):
            await self._checks.record_not_shown(job.check, verdict.reason, now)
        else:
            await self._checks.record_unseen(job.check, verdict.reason, now, verdict.retry_after_s)
