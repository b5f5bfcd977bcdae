"""The registrable domain of a host: the part that somebody pays for, `example.co.uk` of `a.b.example.co.uk`.

By the Public Suffix List (https://publicsuffix.org), as the package `publicsuffixlist` ships it: nothing is fetched.
Of the list only the part of the registries counts. In its other part, of companies that give out names for nothing,
anybody could have a domain more with each name.
"""

from functools import cache

from publicsuffixlist import PublicSuffixList


def registrable_domain(host: str) -> str:
    """Returns the registrable domain of a host in lower case; the host itself where it has none.

    Nothing of it is kept, and it takes microseconds: a host can be the server of one person.
    """
    return _suffixes().privatesuffix(host) or host


@cache
def _suffixes() -> PublicSuffixList:
    """Loads the list. Takes some 200 ms."""
    return PublicSuffixList(only_icann=True)
