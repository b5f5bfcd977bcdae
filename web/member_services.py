"""The services behind the pages of members, built once in `deploy.wiring.web` and passed in."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from directory.accounts import AccountNetwork
from directory.networks.bluesky.client import OAuthClient
from directory.networks.port import SignIn
from directory.proofs.x_oauth import XSignIn
from directory.services.consenting import Consenting
from directory.services.follow_lists import FollowLists
from directory.services.leaving import Leaving
from directory.services.membership import Membership
from directory.services.newcomer_messages import MessageChoices
from directory.services.page_links import PageLinks
from directory.services.permissions import Permissions
from directory.services.proving import Proving
from directory.services.publishing import Publishing
from directory.services.signing_in import SigningIn
from web.follow_services import FollowServices
from web.middleware.rate_limit import RateLimiter


@dataclass(frozen=True, slots=True)
class MemberServices:
    """Shared by all requests of a process."""

    membership: Membership
    signing_in: SigningIn
    permissions: Permissions
    proving: Proving
    page_links: PageLinks
    publishing: Publishing
    consenting: Consenting
    follow_lists: FollowLists
    messages: MessageChoices
    leaving: Leaving
    networks: Mapping[AccountNetwork, SignIn]
    x: XSignIn | None
    """Only where the operator has a key at X."""
    bluesky_client: OAuthClient
    sign_in_limiter: RateLimiter
    wake_jobs: Callable[[], None]
    """Something is due now: a post to look at, a permission to give back."""
    announce: Callable[[], Awaitable[object]]
    """Something was published: it is to answer as soon as it can."""
    follows: FollowServices
