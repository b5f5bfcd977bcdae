"""The log keys that a check of our own log believes, also beside a key file that cannot be read."""

from dataclasses import dataclass

from directory.secret_files import SecretFileError
from directory.store.database import Connection
from federation.errors import LogRefused
from federation.keys.documents import load_documents
from federation.keys.instance import KeyFolder
from federation.tlog.keys import VerifierKey


@dataclass(frozen=True, slots=True)
class BelievedKeys:
    """Log keys, and why they are not those of the folder."""

    vkeys: tuple[VerifierKey, ...]
    """None where the documents are not in order either: then no signature can be checked."""
    fault: SecretFileError | None = None

    @property
    def origin(self) -> str | None:
        return self.vkeys[0].name if self.vkeys else None


async def find_believed_keys(connection: Connection, folder: KeyFolder) -> BelievedKeys:
    """Returns the log keys of the folder; where one cannot be read, those that the log's own documents name.

    Documents are believed less: whoever can write to the database could have replaced them together with the log.
    """
    try:
        return BelievedKeys(tuple(key.vkey for key in folder.read_logs()))
    except SecretFileError as error:
        return BelievedKeys(await _named_by_documents(connection), error)


async def _named_by_documents(connection: Connection) -> tuple[VerifierKey, ...]:
    try:
        documents = await load_documents(connection)
    except LogRefused:
        return ()
    return tuple(dict.fromkeys(key for document, _ in documents for key in document.checkpoint_keys))
