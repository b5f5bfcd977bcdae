"""What `passerelle doctor` says of the signed log: what keeps it from signing, and what to do."""

from typing import Final

from deploy.findings import Finding
from deploy.sequencing import build_sequencer, key_folder
from directory.settings import Settings
from directory.store.database import Connection
from federation.errors import LogRefused, MissingKeys, UnsafeKeys
from federation.keys import log_origin
from federation.store.log_rows import fetch_state

NAME: Final = "Signed log"
READ_MORE: Final = 'See docs/operations.md, "The signed log".'


async def look_at_log(settings: Settings, connection: Connection) -> Finding:
    """Asks what the sequencer asks itself before it signs anything. Nothing is changed."""
    if not key_folder(settings).exists():
        return Finding(NAME, True, "not begun; the first start makes its keys")
    try:
        await build_sequencer(settings).check(connection)
    except LogRefused as error:
        return Finding(NAME, False, f"nothing is signed: {error}", error.mend or READ_MORE)
    except (MissingKeys, UnsafeKeys) as error:
        return Finding(NAME, False, f"nothing is signed: {error}", READ_MORE)
    state = await fetch_state(connection)
    size = 0 if state is None else state.published_size
    return Finding(NAME, True, f"{log_origin(settings)}, {size:,} leaves are published")
