"""The texts that a name has in the DNS."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module

# Returns the texts of a name's TXT records, empty where it has none. Raises OSError where no name server answers.
LookUpTxt = Callable[[str], Awaitable[Sequence[str]]]


async def look_up_txt(name: str) -> Sequence[str]:
    """Looks up the texts of a name by the system's name servers. Raises OSError.

    dnspython is loaded at the first lookup, beside the event loop: most processes ask for none.
    """
    loaded = await asyncio.to_thread(import_module, "directory.networks.bluesky.dns")
    texts: Sequence[str] = await loaded.look_up_txt(name)
    return texts
