"""Checks for `passerelle doctor` whether the signed log can sign, and what to do where it cannot."""

from datetime import UTC, datetime, timedelta
from typing import Final

from deploy.findings import Finding
from deploy.wiring.log import build_sequencer, key_folder
from directory.secret_files import SecretFileError
from directory.settings import Role, Settings
from directory.store.database import Connection
from federation.errors import LogRefused
from federation.keys.chain import MAX_AHEAD_S
from federation.keys.documents import load_documents
from federation.keys.fingerprints import to_words
from federation.keys.instance import log_origin
from federation.keys.operations import witness_of
from federation.keys.overview import overview_of
from federation.keys.own_keys import check_keys
from federation.store.cosignatures import find_cosignature
from federation.store.daily_check import fetch_daily_check
from federation.store.doubt import find_doubt
from federation.store.log_rows import fetch_state
from federation.tlog.text import count_leaves

NAME: Final = "Signed log"
KEYS_NAME: Final = "Keys in force"
CHECK_NAME: Final = "Daily check"
LATE_AFTER: Final = timedelta(days=3)
READ_MORE: Final = 'See docs/operations.md, "The signed log".'


async def look_at_log(settings: Settings, connection: Connection) -> Finding:
    """Makes the checks of each start, and of the sequencer before it signs. Changes nothing."""
    if Role.SEQUENCER not in settings.roles:
        return Finding(NAME, True, "written by another machine: `sequencer` is no role of this one")
    folder = key_folder(settings)
    try:
        await check_keys(connection, folder)
        if not folder.exists():
            return Finding(NAME, True, "not begun; the first start makes its keys")
        await build_sequencer(settings).check(connection)
    except LogRefused as error:
        return Finding(NAME, False, f"nothing is signed: {error}", error.mend or READ_MORE)
    except SecretFileError as error:
        return Finding(NAME, False, f"nothing is signed: {error.seen}", error.mend or READ_MORE)
    state = await fetch_state(connection)
    size = 0 if state is None else state.published_size
    last = await find_cosignature(connection, log_origin(settings), witness_of(log_origin(settings)))
    when = "" if last is None else f", cosigned at {last.at:%Y-%m-%d %H:%M} UTC"
    doubt = await find_doubt(connection)
    over = (
        ""
        if doubt is None
        else f"; in doubt since {doubt.since:%Y-%m-%d %H:%M} UTC, and over now: {doubt.reason}"
    )
    return Finding(NAME, True, f"{log_origin(settings)}, {_published(size)}{when}{over}")


def _published(size: int) -> str:
    return f"{count_leaves(size)} {'is' if size == 1 else 'are'} published"


async def look_at_keys(connection: Connection, now: datetime) -> Finding:
    """Reports which keys the documents of the log put in force: operators compare these words."""
    try:
        overview = overview_of(await load_documents(connection), now)
    except LogRefused as error:
        return Finding(KEYS_NAME, False, str(error), error.mend or READ_MORE)
    if overview is None:
        return Finding(KEYS_NAME, True, "none before the log is begun")
    document = overview.document
    seen = f"log key {to_words(document.log_key.fingerprint)}; recovery key {to_words(document.recovery)}"
    # A recovery is in force at once, and its date still binds each document after it.
    dated = [document, *overview.to_come]
    ahead = [each for each in dated if each.issued > now.timestamp() + MAX_AHEAD_S]
    if ahead:
        when = datetime.fromtimestamp(ahead[0].issued, UTC)
        mend = "Where the clock ran ahead when it was made, `passerelle keys recover` takes it back."
        return Finding(
            KEYS_NAME, False, f"{seen}; document {ahead[0].number} is of {when:%Y-%m-%d %H:%M} UTC", mend
        )
    return Finding(KEYS_NAME, True, seen)


async def look_at_daily_check(connection: Connection, now: datetime) -> Finding:
    """Reports the result of the log's daily check, and that none was made for days."""
    last = await fetch_daily_check(connection)
    if last is None:
        return Finding(CHECK_NAME, True, "not made yet; a running instance makes it once a day")
    when = f"{last.made_at:%Y-%m-%d %H:%M} UTC"
    if last.faults:
        mend = "Run `passerelle fsck`, and read docs/operations.md before anything is changed."
        return Finding(CHECK_NAME, False, f"{when}: {last.faults:,} wrong: {last.first_fault}", mend)
    is_recent = now - last.made_at < LATE_AFTER
    late = "" if is_recent else ", and none was made since"
    mend = (
        "Start a process whose PASSERELLE_ROLES name `sequencer`, or read its log for why it does not check."
    )
    return Finding(CHECK_NAME, is_recent, f"{when}: all is well in {count_leaves(last.leaves)}{late}", mend)
