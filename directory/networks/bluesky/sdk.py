"""The library atproto and our transport for it, loaded where they are first used: that takes half a second and 65 MB, which
nobody pays who does not call Bluesky's API."""

import asyncio
from importlib import import_module
from typing import Any, Final

_HOMES: Final = {
    "AsyncClient": "atproto",
    "AsyncRequest": "atproto",
    "AtProtocolError": "atproto_core.exceptions",
    "CAR": "atproto",
    "CID": "atproto",
    "RequestErrorBase": "atproto_client.exceptions",
    "Wire": "directory.networks.bluesky.transport",
    "models": "atproto",
}


def __getattr__(name: str) -> Any:
    """Loads what is asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"{__name__} has no {name}")
    return getattr(import_module(_HOMES[name]), name)


async def load() -> None:
    """Loads the library beside the event loop, so that nobody who asks for a page waits for it."""
    await asyncio.to_thread(import_module, "atproto")
