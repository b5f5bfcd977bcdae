"""Verifies the requests of peers: who has signed, that it was lately, and that it was not answered before."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from directory.clock import Clock
from directory.origin_names import is_local_origin
from directory.origins import ANSWERING, Standing
from federation.errors import Malformed, PeerRefused, UntrustedOperations, UntrustedRequest
from federation.keys.chain import in_force, open_chain
from federation.keys.operations import Operations
from federation.peers.signing import MAX_SKEW_S, Claim, Request, read_claim, verify_request
from federation.protocol.peer import Peer, TheyFollow
from federation.store.peer_nonces import PeerNonceStore
from federation.store.peer_signers import Signer, SignerStore
from federation.tlog.keys import VerifierKey

MAX_CHAINS: Final = 1_000
"""Chains of documents that a process keeps verified."""
NONCE_LIFE_S: Final = 2 * MAX_SKEW_S
"""After the time in the request: from then on it is too old, whatever our clock was when it came."""


class PeerRequests:
    """Tells which confirmed peer has made a request. The only place that decides it."""

    def __init__(
        self, signers: SignerStore, nonces: PeerNonceStore, clock: Clock, *, allow_loopback: bool
    ) -> None:
        self._signers = signers
        self._nonces = nonces
        self._clock = clock
        self._allow_loopback = allow_loopback
        self._chains: OrderedDict[str, tuple[tuple[int, int, int], list[Operations]]] = OrderedDict()

    def read(self, request: Request) -> Claim:
        """Reads who says to have signed a request. Raises UntrustedRequest."""
        claim = read_claim(request, self._seconds())
        if is_local_origin(claim.origin) and not self._allow_loopback:
            raise UntrustedRequest("a log of a local name is nobody's peer")
        return claim

    async def verify(self, request: Request) -> Peer:
        """Returns the confirmed peer that has signed a request, frozen ones too. After this it is never answered again.

        Raises UntrustedRequest, also where the origin is no peer; PeerRefused where the peer is suspended.
        """
        return await self._verify(request, _check_known)

    async def verify_approved(self, request: Request) -> Peer:
        """Returns the peer that has signed a request, where our operators have approved it. Raises as `verify`, and
        PeerRefused where they have not, or it is frozen: whoever has stolen its keys is given nobody's mapping."""
        return await self._verify(request, _check_approved)

    async def _verify(self, request: Request, check: Callable[[Signer], None]) -> Peer:
        claim = self.read(request)
        signer = await self._signers.find_signer(claim.origin)
        if signer is None:
            raise UntrustedRequest(f"{claim.origin} is not a peer whose keys were confirmed here")
        verify_request(request, claim, await self._find_key(signer))
        # Before the nonce is kept: what gets no answer needs no row, and one that is thrown out must not fill the table.
        check(signer)
        await self.use_up(claim)
        return signer.peer

    async def use_up(self, claim: Claim) -> None:
        """Uses up the nonce of a request whose signature was verified. Raises UntrustedRequest where it was before."""
        until = datetime.fromtimestamp(claim.created + NONCE_LIFE_S, UTC)
        if not await self._nonces.take(claim.digest, until, self._clock.now()):
            raise UntrustedRequest("this request was answered before")

    async def _find_key(self, signer: Signer) -> bytes:
        kept = self._chains.get(signer.peer.origin)
        if kept is None or kept[0] != signer.version:
            kept = signer.version, await self._open_chain(signer)
            self._chains[signer.peer.origin] = kept
            if len(self._chains) > MAX_CHAINS:
                self._chains.popitem(last=False)
        return in_force(kept[1], self._seconds()).peer_key

    async def _open_chain(self, signer: Signer) -> list[Operations]:
        notes = await self._signers.list_documents(signer.log)
        try:
            chain = open_chain(notes, VerifierKey.parse(signer.peer.first_key))
        except (Malformed, UntrustedOperations) as error:
            raise UntrustedRequest(
                f"the documents that are held of {signer.peer.origin} are not in order"
            ) from error
        if not chain:
            raise UntrustedRequest(f"no document of {signer.peer.origin} is held here")
        return chain

    def _seconds(self) -> int:
        return int(self._clock.now().timestamp())


def _check_known(signer: Signer) -> None:
    """Raises PeerRefused."""
    if signer.standing is Standing.SUSPENDED:
        raise PeerRefused(f"{signer.peer.origin} is suspended here")


def _check_approved(signer: Signer) -> None:
    """Raises PeerRefused."""
    _check_known(signer)
    if signer.peer.they_follow is not TheyFollow.APPROVED:
        raise PeerRefused(f"the operators here have not approved {signer.peer.origin}")
    if signer.standing not in ANSWERING:
        raise PeerRefused(f"{signer.peer.origin} is frozen here")
