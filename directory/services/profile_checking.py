"""Checks the profiles that are to link to a member's page: finds where each account has its profile, and reads
it."""

import asyncio

from directory.accounts import BlueskyAccount, LinkedAccount, TargetAccount
from directory.identifiers import XHandle
from directory.members.page_links import LinkJob
from directory.networks.bluesky.did import DidResolver
from directory.networks.sign_in_errors import ServerNotSecure, SignInError
from directory.proofs.link_support import can_show_link
from directory.proofs.link_verdict import LinksSeen
from directory.proofs.profile_link import LinkChecker
from directory.proofs.reasons import RefutedReason, UnreachableReason
from directory.proofs.results import LinkResult, Refuted, Unreachable
from directory.services.page_links import PageLinks


class ProfileChecking:
    """Reads profiles and returns what they show. `fxtwitter` is the service that tells the website of an X
    profile, if any."""

    def __init__(
        self, checker: LinkChecker, page_links: PageLinks, dids: DidResolver, fxtwitter: str | None
    ) -> None:
        self._checker = checker
        self._page_links = page_links
        self._dids = dids
        self._fxtwitter = fxtwitter

    async def check(self, job: LinkJob) -> LinksSeen:
        """Checks all profiles of a job concurrently."""
        page = self._page_links.address(job.page.code)
        accounts = {each.id: each for each in job.page.new_accounts}
        x, *new = await asyncio.gather(
            self._check_x(job.check.x_handle, page),
            *(self._check_new(account, page) for account in accounts.values()),
        )
        return LinksSeen(x, dict(zip(accounts, new, strict=True)))

    async def recheck(self, account: LinkedAccount) -> LinkResult:
        """Checks whether one account, of any network, still links to its member's page."""
        own = await self._page_links.page_of(account.member)
        if own is None:
            return Unreachable(UnreachableReason.NO_SOURCE)
        page = self._page_links.address(own.code)
        if account.x is not None:
            return await self._check_x(account.x.handle, page)
        if account.target is None or not account.on_page:
            # The page links only to accounts that it shows.
            return Refuted(RefutedReason.NO_LINK_BACK)
        return await self._check_target(account.target, page)

    async def _check_new(self, account: LinkedAccount, page: str) -> LinkResult:
        """Checks a profile that is to prove something. A re-check of one that did asks its server whatever it runs."""
        if account.target is None or not can_show_link(account):
            return Refuted(RefutedReason.SERVER_VERIFIES_NO_LINKS)
        return await self._check_target(account.target, page)

    async def _check_x(self, handle: XHandle, page: str) -> LinkResult:
        if self._fxtwitter is None:
            return Unreachable(UnreachableReason.NO_SOURCE)
        return await self._checker.check_x(handle, self._fxtwitter, page)

    async def _check_target(self, target: TargetAccount, page: str) -> LinkResult:
        if not isinstance(target, BlueskyAccount):
            return await self._checker.check_mastodon(target, f"https://{target.actor.host}", page)
        try:
            pds = (await self._dids.resolve(target.did)).pds
        except ServerNotSecure:
            return Unreachable(UnreachableReason.NOT_SECURE)
        except SignInError:
            return Unreachable(UnreachableReason.NO_ANSWER)
        return await self._checker.check_bluesky(target.did, pds, page)
