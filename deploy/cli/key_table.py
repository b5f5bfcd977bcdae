"""Shows the keys of this instance: those that its documents put in force, not those that lie in files."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import click

from deploy.wiring.log import key_folder
from directory.clock import SystemClock
from directory.settings import Settings
from directory.store.database import Database
from federation.errors import InvalidKey, MissingKeys, UnsafeKeys
from federation.keys.documents import load_documents
from federation.keys.fingerprints import to_words
from federation.keys.instance import InstanceKeys, KeyFolder
from federation.keys.operations import Operations, fingerprint_recovery
from federation.keys.overview import KeyOverview, Standing, overview_of
from federation.keys.own_keys import check_keys
from federation.tlog.keys import PrivateKey, VerifierKey
from federation.tlog.text import encode_base64


async def show_keys(settings: Settings, database: Database) -> None:
    """Shows the keys in force. Before the log is begun, those in the folder.

    Raises MissingKeys, UnsafeKeys; a key file that cannot be used is raised after all was shown.
    """
    folder = key_folder(settings)
    async with database.connection() as connection:
        documents = await load_documents(connection)
    overview = overview_of(documents, SystemClock().now())
    if overview is None:
        if not folder.exists():
            await _tell_none(database, folder)
            return
        keys = folder.read()
        click.echo("The log is not begun yet; these keys are in its first document.")
        _show_folder(keys)
        return
    here, fault = _log_keys_here(folder)
    _show_overview(overview, here)
    _show_recovery_files(folder, [document for document, _ in documents])
    if fault is not None:
        raise fault


async def _tell_none(database: Database, folder: KeyFolder) -> None:
    """Tells that a new instance has no keys yet. Raises OtherKeys where they are elsewhere."""
    async with database.transaction() as connection:
        await check_keys(connection, folder)
    click.echo(
        "There are no keys yet: the first start of the instance makes them, and so does `passerelle keys make`."
    )


def _show_overview(overview: KeyOverview, here: set[VerifierKey]) -> None:
    for key, standing in overview.log_keys:
        is_needed = standing is not Standing.RETIRED and key not in here
        missing = ", and its private key is not here" if is_needed else ""
        _tell(f"Log key, {standing.value}{missing}", str(key), key.fingerprint)
    document = overview.document
    _tell_others(document.witness_key, document.peer_key)
    _tell_recovery("Recovery key (kept by the operator)", document.recovery)
    for later in overview.to_come:
        when = datetime.fromtimestamp(later.issued, UTC)
        click.echo(f"Document {later.number}, of {when:%Y-%m-%d %H:%M} UTC, is not in force yet.")
        if later.recovery != document.recovery:
            _tell_recovery("Its recovery key, which already counts for the next recovery", later.recovery)


def _log_keys_here(folder: KeyFolder) -> tuple[set[VerifierKey], UnsafeKeys | None]:
    """Returns the log keys whose private half is here, and what is wrong with a file that is here as well."""
    try:
        return {key.vkey for key in folder.read().logs}, None
    except MissingKeys:
        return set(), None
    except UnsafeKeys as error:
        return set(), error


def _show_folder(keys: InstanceKeys) -> None:
    for key in keys.logs:
        _tell("Log key", str(key.vkey), key.vkey.fingerprint)
    _tell_others(keys.witness.vkey, keys.peer.public_key)
    _tell_recovery("Recovery key (kept by the operator)", keys.recovery)


def _show_recovery_files(folder: KeyFolder, documents: list[Operations]) -> None:
    """Tells of each recovery key that is still on this machine whether it can serve."""
    for path in folder.list_recovery_keys():
        fingerprint = _fingerprint_in(path)
        is_named = documents[-1].recovery == fingerprint
        said = "the recovery key that is in force" if is_named else "no recovery key that is in force"
        click.echo(f"{path} holds {said}.")


def _fingerprint_in(path: Path) -> bytes | None:
    try:
        return fingerprint_recovery(PrivateKey.parse(path.read_text("ascii").strip()).vkey.public_key)
    except (OSError, ValueError, InvalidKey):
        return None


def _tell_others(witness: VerifierKey, peer: bytes) -> None:
    _tell("Witness key", str(witness), witness.fingerprint)
    _tell("Peer key", encode_base64(peer), hashlib.sha256(peer).digest())


def _tell_recovery(title: str, fingerprint: bytes) -> None:
    click.echo(f"{title}\n  fingerprint  {fingerprint.hex()}\n  in words     {to_words(fingerprint)}")


def _tell(title: str, key: str, fingerprint: bytes) -> None:
    click.echo(
        f"{title}\n  verify with  {key}\n  fingerprint  {fingerprint.hex()}\n  in words     {to_words(fingerprint)}"
    )
