"""Opens the checkpoint of a peer under the keys of its documents, and fetches those that are not known yet.

What is fetched here is provisional: it follows from the first document, which operators have compared, but nothing of it
is stored before its entries were found in the log.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from federation.errors import InvalidKey, Malformed, UntrustedNote, UntrustedOperations
from federation.keys.chain import follow, open_first_operations, parse_operations_note
from federation.keys.operations import Operations
from federation.peers.chains import Chain, open_under
from federation.peers.log_client import LogClient
from federation.peers.verdicts import WrongAnswer
from federation.store.tailed import TailedPeer
from federation.tlog.checkpoint import SignedCheckpoint
from federation.tlog.keys import VerifierKey

MAX_FOLLOWED: Final = 1_100
"""Documents that are fetched in one round."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A checkpoint, and the documents under which it was opened. `data` is the note as it was served."""

    data: bytes
    signed: SignedCheckpoint
    chain: Chain

    @property
    def size(self) -> int:
        return self.signed.checkpoint.size

    @property
    def root(self) -> bytes:
        return self.signed.checkpoint.root

    @property
    def recovery(self) -> Operations | None:
        """The newest provisional document that is a recovery."""
        fresh = self.chain.documents[self.chain.count_confirmed() :]
        return next((each for each in reversed(fresh) if each.right_tree is not None), None)


async def open_served(
    data: bytes, chain: Chain, client: LogClient, peer: TailedPeer, now: datetime
) -> Opened:
    """Opens a checkpoint as it was served. Raises PeerFault, WrongAnswer where no key of this log has signed it."""
    if not chain.known:
        chain = await _fetch_first(client, peer)
    try:
        return Opened(data, open_under(data, peer.origin, chain, now), chain)
    except UntrustedNote as error:
        refusal = error
    for find in (_follow_on, _find_recovery):
        longer = await find(client, chain)
        if longer is None:
            continue
        try:
            return Opened(data, open_under(data, peer.origin, longer, now), longer)
        except UntrustedNote as error:
            refusal = error
    raise WrongAnswer(str(refusal)) from refusal


async def _fetch_first(client: LogClient, peer: TailedPeer) -> Chain:
    data = await client.fetch_document(0)
    if data is None:
        raise WrongAnswer("the log serves no first document")
    try:
        document = open_first_operations(data, VerifierKey.parse(peer.first_key))
    except (Malformed, UntrustedOperations, InvalidKey) as error:
        raise WrongAnswer(str(error)) from error
    if document.origin != peer.origin:
        raise WrongAnswer("the first document is of another log")
    return Chain(()).added(data, document)


async def _follow_on(client: LogClient, chain: Chain) -> Chain | None:
    """Fetches the documents after those that are known. Returns None where none follows."""
    end, longer = chain.end, chain
    for _ in range(MAX_FOLLOWED):
        if longer.is_full:
            break
        data = await client.fetch_document(end.document.number + 1)
        if data is None:
            break
        try:
            end = follow(data, end)
        except (Malformed, UntrustedOperations):
            break
        longer = longer.added(data, end.document)
    return None if longer is chain else longer


async def _find_recovery(client: LogClient, chain: Chain) -> Chain | None:
    """Finds where the documents that are served part from those that are known, and follows those with a recovery from there.

    Returns None where none of them is a recovery: then nothing explains another document.
    """
    same, other = 0, len(chain.known)
    while same + 1 < other:
        middle = (same + other) // 2
        data = await client.fetch_document(middle)
        is_same = data is not None and _is_document(data, chain.documents[middle])
        same, other = (middle, other) if is_same else (same, middle)
    if other == len(chain.known):
        return None
    branch = await _follow_on(client, Chain(chain.known[:other]))
    return branch if branch is not None and _explains(branch, chain, other) else None


def _explains(branch: Chain, chain: Chain, parted: int) -> bool:
    """Whether a recovery explains that the documents from number `parted` on are others than those that are known.

    Before it, the operators may have published a document beside one of a thief. A log key alone can neither make a
    recovery nor take one back.
    """
    fresh, given_up = branch.documents[parted:], chain.documents[parted:]
    if fresh[0].recovered_by is not None:
        return True
    return any(each.recovered_by for each in fresh) and not any(each.recovered_by for each in given_up)


def _is_document(data: bytes, document: Operations) -> bool:
    try:
        return parse_operations_note(data)[0] == document
    except Malformed:
        return False


async def find_next(client: LogClient, chain: Chain) -> Chain:
    """Fetches the document after those that are known. Returns the same chain where none is served that follows, or there is
    no room."""
    if chain.is_full:
        return chain
    end = chain.end
    data = await client.fetch_document(end.document.number + 1)
    if data is None:
        return chain
    try:
        return chain.added(data, follow(data, end).document)
    except (Malformed, UntrustedOperations):
        return chain
