"""Parses what a person pastes where both directions are answered: an account on X, or on a new network."""

from directory.identifiers import XHandle, XId
from directory.pasted.target_account import Target, parse_target_account
from directory.pasted.x_account import is_x_account_form, parse_x_account


def parse_any_account(text: object) -> XId | XHandle | Target:
    """Parses an account of any network. Raises InvalidIdentifier.

    A bare name without a dot is one on X: the new networks have none.
    """
    return parse_x_account(text) if is_x_account_form(text) else parse_target_account(text)
