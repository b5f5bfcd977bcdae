"""Errors that keep a browser from a page of members."""

from typing import Final

SIGN_IN_AT: Final = "sign_in_at"
"""The option of a route with a sign-in page of its own, which says why; a path."""


class SignInNeeded(Exception):
    """Nobody is signed in here. `path` is where they wanted to go."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__("nobody is signed in")


class ForgedForm(Exception):
    """The form does not come from a page of ours, or from one that was made for somebody else."""
