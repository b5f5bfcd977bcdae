"""Where commands write: results to standard output, everything else to standard error."""

from rich.console import Console
from rich.progress import Progress, ProgressColumn

console = Console()
errors = Console(stderr=True)


def progress(*columns: str | ProgressColumn) -> Progress:
    """A bar for who watches; nothing at all in a file or a pipe."""
    return Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)
