"""What a failure means to whoever ran the command: what happened, and what to do."""

import errno

from rich.markup import escape

from deploy.embedded import EmbeddedError
from deploy.migrate import SchemaTooNew
from deploy.serve import PortInUse
from directory.archive import ArchiveError
from directory.demo import DemoError
from directory.errors import DirectoryUnavailable, InvalidIdentifier, InvalidQuery
from directory.settings import InvalidSettings


def sentence_of(error: Exception) -> str | None:
    """The sentence for a foreseen failure; None for what is our own fault."""
    match error:
        case EmbeddedError() | ArchiveError() | DemoError() | InvalidQuery():
            return escape(str(error))
        case InvalidSettings():
            return f"{escape(str(error))}. See `passerelle doctor`."
        case InvalidIdentifier():
            return f"{escape(str(error))}. Write @name, the number, or the address of the profile."
        case DirectoryUnavailable():
            return f"{escape(str(error))}. Nothing was changed; `passerelle doctor` tells more."
        case SchemaTooNew():
            return f"{escape(str(error))}: install the newer Passerelle again, or restore a backup from before it."
        case PortInUse():
            return (
                f"another program listens on {escape(str(error))} already: stop it, "
                "or choose another port with PASSERELLE_PORT=8001."
            )
        case OSError() if error.errno == errno.ENOSPC:
            return "the disk is full; nothing was changed. Make room and try again."
        case OSError():
            return f"{escape(str(error.strerror or error))}: {escape(str(error.filename or ''))}"
        case _:
            return None
