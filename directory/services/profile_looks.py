"""Looks at the profiles that are to link to a member's page: where each account shows its profile, and what it says."""

import asyncio

from directory.accounts import LinkedAccount
from directory.identifiers import Acct, ActorUri, Did, XHandle
from directory.members.page_links import LinkJob
from directory.networks.bluesky.did import DidResolver
from directory.networks.sign_in_errors import SignInError
from directory.proofs.link_verdict import LinksSeen
from directory.proofs.profile_link import LinkChecker
from directory.proofs.reasons import RefutedReason, UnreachableReason
from directory.proofs.results import Linked, LinkResult, Refuted, Unreachable
from directory.services.linking import Linking


class LinkLooks:
    """Asks, and says what it saw. `fxtwitter` is the service that tells the website of an X profile, if there is one."""

    def __init__(
        self, checker: LinkChecker, linking: Linking, dids: DidResolver, fxtwitter: str | None
    ) -> None:
        self._checker = checker
        self._linking = linking
        self._dids = dids
        self._fxtwitter = fxtwitter

    async def look(self, job: LinkJob) -> LinksSeen:
        """All profiles side by side."""
        page = self._linking.address(job.page.code)
        accounts = job.page.new_accounts
        x, *new = await asyncio.gather(
            self._look_at_x(job.check.x_handle, page), *(self._look_at_new(each, page) for each in accounts)
        )
        return LinksSeen(x, {account.id: result for account, result in zip(accounts, new, strict=True)})

    async def look_again(self, account: LinkedAccount) -> LinkResult:
        """Whether one account, of any network, still links to its member's page."""
        own = await self._linking.page_of(account.member)
        if own is None:
            return Unreachable(UnreachableReason.NO_SOURCE)
        page = self._linking.address(own.code)
        if account.x_handle is None:
            # What the page does not show, it does not link to.
            is_shown = account.on_page
            return await self._look_at_new(account, page) if is_shown else Refuted(RefutedReason.NO_LINK_BACK)
        result = await self._look_at_x(account.x_handle, page)
        if isinstance(result, Linked) and None not in (account.x_id, result.x_id):
            # The name may have passed to somebody else.
            return result if result.x_id == account.x_id else Refuted(RefutedReason.WRONG_AUTHOR)
        return result

    async def _look_at_x(self, handle: XHandle, page: str) -> LinkResult:
        if self._fxtwitter is None:
            return Unreachable(UnreachableReason.NO_SOURCE)
        return await self._checker.check_x(handle, self._fxtwitter, page)

    async def _look_at_new(self, account: LinkedAccount, page: str) -> LinkResult:
        match account.target:
            case ActorUri() as actor, Acct() as acct:
                return await self._checker.check_mastodon(acct, f"https://{actor.host}", page)
            case Did() as did, _:
                try:
                    pds = (await self._dids.resolve(did)).pds
                except SignInError:
                    return Unreachable(UnreachableReason.NO_ANSWER)
                return await self._checker.check_bluesky(did, pds, page)
            case _:
                return Unreachable(UnreachableReason.NO_SOURCE)
