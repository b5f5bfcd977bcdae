"""Resolves identities: the DID document and the handle, each checked against the other."""

from directory.identifiers import NO_HANDLE, AtHandle, Did
from directory.networks.bluesky.did import DidDocument, DidResolver
from directory.networks.bluesky.handles import HandleResolver
from directory.networks.sign_in_errors import AccountNotFound, HandleMismatch


class Identities:
    """Resolves accounts. Nothing is cached: each call asks the network."""

    def __init__(self, dids: DidResolver, handles: HandleResolver) -> None:
        self._dids = dids
        self._handles = handles

    async def document(self, did: Did) -> DidDocument:
        """Fetches the document of a DID. Raises what `DidResolver.resolve` raises."""
        return await self._dids.resolve(did)

    async def by_handle(self, handle: AtHandle) -> DidDocument:
        """Resolves a handle to the account that claims it. Raises HandleMismatch where the account does not.

        Whoever has a domain can let it lead to any account: the account has to agree.
        """
        document = await self._dids.resolve(await self._handles.resolve(handle))
        if document.handle != handle:
            raise HandleMismatch("", "the handle leads to an account of another name")
        return document

    async def handle_of(self, document: DidDocument) -> AtHandle:
        """Returns the handle that an account claims, if it leads to the account. Raises HandleMismatch otherwise.

        Anybody can write `at://somebody-else` into a document of their own.
        """
        if document.handle is None or document.handle == NO_HANDLE:
            raise HandleMismatch("", "the account names no handle")
        try:
            found = await self._handles.resolve(document.handle)
        except AccountNotFound as error:
            raise HandleMismatch("", "the handle leads nowhere") from error
        if found != document.did:
            raise HandleMismatch("", "the handle leads to another account")
        return document.handle
