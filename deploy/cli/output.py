"""The output of commands: results go to standard output, everything else to standard error."""

from rich.console import Console
from rich.progress import Progress, ProgressColumn

console = Console()
errors = Console(stderr=True)


def progress(*columns: str | ProgressColumn) -> Progress:
    """Returns a progress bar for a terminal; it prints nothing into a file or a pipe."""
    return Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)
