"""Reads and changes whom an account has muted. Mutes are no records: the service behind the server keeps them."""

from typing import Final

import msgspec

from directory.networks.bluesky import sdk
from directory.networks.bluesky.xrpc import Xrpc
from directory.networks.errors import BadAnswer

PAGE: Final = 100
MAX_PAGES: Final = 500
MUTE: Final = "app.bsky.graph.muteActor"


class _Muted(msgspec.Struct):
    did: str


class _Page(msgspec.Struct):
    mutes: list[_Muted]
    cursor: str | None = None


class Mutes:
    """The mutes of the account that the calls act as."""

    def __init__(self, xrpc: Xrpc) -> None:
        self._xrpc = xrpc

    async def mute(self, subject: str) -> None:
        """Mutes somebody. Who is muted already stays so."""
        with self._xrpc.errors():
            await self._xrpc.api.app.bsky.graph.mute_actor({"actor": subject})

    async def unmute(self, subject: str) -> None:
        """Ends a mute. Who is not muted stays so."""
        with self._xrpc.errors():
            await self._xrpc.api.app.bsky.graph.unmute_actor({"actor": subject})

    async def read_all(self) -> set[str]:
        """Reads the ids of all who are muted."""
        found: set[str] = set()
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            page = await self._read_page(cursor)
            found.update(profile.did for profile in page.mutes)
            if not page.mutes or not page.cursor or page.cursor == cursor:
                return found
            cursor = page.cursor
        raise BadAnswer(self._xrpc.host, "has more mutes than we read", may_have_arrived=True)

    async def _read_page(self, cursor: str | None) -> _Page:
        """Reads a page. Of a profile only its id counts: atproto's model would refuse a page for one odd profile."""
        params = sdk.models.AppBskyGraphGetMutes.Params(limit=PAGE, cursor=cursor)
        with self._xrpc.errors():
            answer = await self._xrpc.api.invoke_query("app.bsky.graph.getMutes", params=params)
            return msgspec.convert(answer.content, _Page)
