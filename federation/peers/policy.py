"""Changes what a peer may do here: for operators."""

from typing import Final

import structlog

from directory.mappings import Strength
from federation.errors import PeeringRefused
from federation.protocol.peer import Peer, PeerPolicy
from federation.store.peer_policy import PeerPolicyStore

IN_LOGS: Final = frozenset({Strength.LINKED, Strength.HANDLE, Strength.BOUND})
"""The strengths that a log can say."""
MAX_SAMPLES: Final = 1_000

log = structlog.get_logger(__name__)


class PeerPolicies:
    """What is no longer taken is deleted at once; what is taken anew is asked for again."""

    def __init__(self, store: PeerPolicyStore) -> None:
        self._store = store

    async def change(self, peer: Peer, after: PeerPolicy) -> int:
        """Changes the policy of a confirmed peer, as it was shown. Returns how many mappings were deleted for it.

        Raises PeeringRefused for a policy that means nothing, and where somebody else has changed it meanwhile.
        """
        if not after.strengths or not after.strengths <= IN_LOGS:
            raise PeeringRefused(
                "name at least one of bound, handle and linked; `peers suspend` takes nothing"
            )
        if not 0 <= after.sample_size <= MAX_SAMPLES or min(after.daily_cap or 0, after.growth_cap or 0) < 0:
            raise PeeringRefused(f"caps are no less than 0, and samples 0 to {MAX_SAMPLES}")
        if not await self._store.change(peer.origin, peer.policy, after):
            raise PeeringRefused(f"{peer.origin} is not confirmed, or was changed at the same time")
        log.info("what a peer may do has changed", origin=peer.origin)
        return await self._store.drop_other_strengths(peer.origin, after.strengths)
