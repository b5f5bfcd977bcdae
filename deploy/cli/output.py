"""Where commands write: results to standard output, everything else to standard error."""

from rich.console import Console

console = Console()
errors = Console(stderr=True)
