"""The command `passerelle`."""

from deploy.cli.main import main

__all__ = ["main"]
