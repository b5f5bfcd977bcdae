"""Writes the mark of what was signed anew, where it is lost, at the operator's word.

The database alone cannot tell whether it is the newest: the operator can, or nobody. What can be checked is checked: the
tree that is confirmed is signed by the log's keys, and is the one that the tiles lead to.
"""

from dataclasses import dataclass
from datetime import datetime

from directory.store.database import Connection
from federation.errors import LogRefused
from federation.keys.documents import load_documents
from federation.keys.instance import KeyFolder
from federation.own_log.high_water import SignedMark
from federation.own_log.preconditions import check_signed, former_root, load_edge, load_state
from federation.protocol.log_state import LogState, read_own_checkpoint
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.merkle import EMPTY_ROOT
from federation.tlog.text import count_leaves


@dataclass(frozen=True, slots=True)
class Confirmable:
    """What a database holds as signed, and when it was last written; None where there is no log."""

    signed: Checkpoint
    written_at: datetime | None


class MarkIsThere(LogRefused):
    """The mark of what was signed is there: nothing is to be confirmed"""

    def __init__(self) -> None:
        super().__init__(str(self.__doc__))


async def find_confirmable(connection: Connection, folder: KeyFolder, size: int) -> Confirmable:
    """Finds what the database holds as signed, where the mark is lost. Changes nothing.

    Raises MarkIsThere, MissingKeys, UnsafeKeys, and LogRefused where the database holds another size than `size`, or is
    damaged.
    """
    keys = folder.read()
    if SignedMark(folder.path).read() is not None:
        raise MarkIsThere
    async with connection.transaction():
        state = await load_state(connection, keys.origin, lock=True)
        found = Confirmable(_signed_of(state, keys.origin), None if state is None else state.staged_at)
        if found.signed.size != size:
            raise LogRefused(
                f"the database holds {count_leaves(found.signed.size)} as signed, and not {size}"
            )
        if state is not None:
            _ = state.is_signed
            check_signed(state, await load_documents(connection), keys)
            await load_edge(connection, state)
            if await former_root(connection, size) != found.signed.root:
                raise LogRefused(
                    f"the tiles of the tree of size {size} do not lead to the root that was signed"
                )
    return found


async def confirm(connection: Connection, folder: KeyFolder, confirmed: Confirmable) -> None:
    """Writes the mark that the operator has confirmed. The log then goes on from there.

    Raises LogRefused where the database holds something else by now, LogWaits where another process wrote a mark.
    """
    if (await find_confirmable(connection, folder, confirmed.signed.size)).signed != confirmed.signed:
        raise LogRefused("the database holds another tree than the one that was confirmed")
    SignedMark(folder.path).swap(None, confirmed.signed)


def _signed_of(state: LogState | None, origin: str) -> Checkpoint:
    if state is None or state.signed is None:
        return Checkpoint(origin, 0, EMPTY_ROOT)
    return read_own_checkpoint(state.signed)
