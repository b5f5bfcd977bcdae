"""Reads addresses as servers show them: the name of a server beyond ASCII stands there as people read it.

Mastodon and GoToSocial show `zoe@münchen.example` and take `zoe@xn--mnchen-3ya.example`, which is the one spelling here.
"""

from directory.identifiers import Acct
from directory.pasted.hosts import parse_pasted_host


def parse_shown_acct(text: str) -> Acct:
    """Parses an address in either spelling. Raises InvalidIdentifier."""
    user, _, host = text.rpartition("@")
    if host.isascii():
        return Acct.parse(text)
    return Acct.parse(f"{user}@{parse_pasted_host('an account address', host)}")
