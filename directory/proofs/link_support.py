"""Tells on which accounts a link in the profile can prove anything: some servers never look at it.

Mastodon alone was seen to verify the links of profiles; GoToSocial and Takahē show them, and never say that they did.
"""

from typing import Final

from directory.accounts import AccountNetwork, LinkedAccount

VERIFYING_SOFTWARE: Final = frozenset({"mastodon", "hometown"})
"""As NodeInfo names it. Hometown is Mastodon with a few additions; glitch-soc calls itself `mastodon`."""


def can_show_link(account: LinkedAccount) -> bool:
    """Tells whether the profile of an account can link back in a way that counts. True where its server did not say
    what it runs: then it is tried."""
    if account.network is not AccountNetwork.MASTODON or not account.software:
        return True
    return account.software in VERIFYING_SOFTWARE
