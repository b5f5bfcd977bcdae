"""Records which folder of keys is the instance's at its first start, and checks it at each one. Never makes a second.

A machine with keys of its own could sign nothing for the instance, and would wait for ever to do so. Where the log is
begun, its newest operations document identifies the keys as the record does.
"""

from contextlib import suppress
from datetime import datetime
from typing import Final

from directory.store.database import Connection
from directory.store.instance_identity import KnownSecret, find_known_secret, record_secret
from federation.errors import LogRefused, MissingKeys, UnsafeKeys
from federation.keys.documents import load_documents
from federation.keys.instance import KeyFolder, NewKeys, fingerprint_keys
from federation.store.log_rows import fetch_state, has_leaves

KEYS: Final = "keys"
LOST: Final = (
    "If it is lost for good, run `passerelle keys recover` with the recovery key. A machine that does not publish needs"
    " none: leave `sequencer` out of PASSERELLE_ROLES."
)


class OtherKeys(LogRefused):
    """The database is that of an instance whose keys are elsewhere."""


async def check_keys(connection: Connection, folder: KeyFolder) -> None:
    """Checks that the folder holds the instance's keys. Changes nothing; the caller holds the lock.

    Raises OtherKeys where the folder is empty and the instance has keys, or where it holds keys of another instance.
    Missing or unsafe files in it are left for the sequencer to report.
    """
    known = await _find_known_keys(connection)
    if not folder.exists():
        if known is not None or await _is_begun(connection):
            raise OtherKeys(_missing(folder, known), mend=LOST)
        return
    with suppress(MissingKeys, UnsafeKeys):
        if known is not None and folder.fingerprint() != known.fingerprint:
            raise OtherKeys(_other(folder, known), mend=LOST)


async def keep_keys(connection: Connection, folder: KeyFolder, new: NewKeys, now: datetime) -> bool:
    """Makes the folder of a new instance from `new`, or keeps an existing one, and records it. Call it after
    `check_keys`.

    Returns False where keys existed: then `new` serves nothing.
    """
    is_in_doubt = await _find_known_keys(connection) is None and await _is_begun(connection)
    is_made = folder.make_new(new)
    if not is_in_doubt:
        await record_keys(connection, folder, now)
    return is_made


async def record_keys(connection: Connection, folder: KeyFolder, now: datetime) -> None:
    """Records the fingerprint of the folder. Records nothing where the keys cannot be read."""
    with suppress(MissingKeys, UnsafeKeys):
        known = KnownSecret.seen_in(folder.path, folder.fingerprint())
        await record_secret(connection, KEYS, known, now)


async def _find_known_keys(connection: Connection) -> KnownSecret | None:
    known = await find_known_secret(connection, KEYS)
    if known is not None:
        return known
    documents = await load_documents(connection)
    if not documents:
        return None
    newest = documents[-1][0]
    return KnownSecret(fingerprint_keys(newest.witness_key, newest.peer_key), "")


async def _is_begun(connection: Connection) -> bool:
    return await has_leaves(connection) or await fetch_state(connection) is not None


def _missing(folder: KeyFolder, known: KnownSecret | None) -> str:
    return (
        f"there are no keys in {folder.path}, and this instance has some{_seen(known)}: copy the folder from the"
        " machine that has it, or put it back from its backup"
    )


def _other(folder: KeyFolder, known: KnownSecret) -> str:
    return (
        f"the keys in {folder.path} are not those of this instance{_seen(known)}: copy the folder from the machine"
        " that has it in their place, or give this machine a database of its own"
    )


def _seen(known: KnownSecret | None) -> str:
    return f" (last seen in {known.place})" if known is not None and known.place else ""
