"""Reports demo people in `passerelle doctor`."""

from typing import Final

from deploy.findings import Finding
from directory.settings import Settings
from directory.store.database import Connection
from directory.store.demo import has_demo_rows
from federation.keys.instance import is_local

NAME: Final = "Demo people"
REMOVE: Final = "Run `passerelle demo --remove`."


async def look_at_demo(settings: Settings, connection: Connection) -> list[Finding]:
    """Reports demo people where there are some: they are wrong in a public instance."""
    if not await has_demo_rows(connection):
        return []
    return [Finding(NAME, is_local(settings), "there are some in the directory", REMOVE)]
