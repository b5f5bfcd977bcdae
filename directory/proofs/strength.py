"""The strength of a mapping, computed from its evidence alone (DESIGN, 3). Readers of a log hold every body to it."""

from collections.abc import Collection
from typing import Final

from directory.mappings import Evidence, EvidenceKind, Network, Strength

SIGN_IN_AT: Final = {
    Network.BLUESKY: EvidenceKind.BLUESKY_OAUTH,
    Network.MASTODON: EvidenceKind.MASTODON_OAUTH,
}

# Looked up once: a first sync holds each of millions of bodies to it.
_BOUND: Final = Strength.BOUND
_HANDLE: Final = Strength.HANDLE
_LINKED: Final = Strength.LINKED
_BINDING_ID: Final = frozenset(kind for kind in EvidenceKind if kind.binds_x_id)
_BINDING_HANDLE: Final = frozenset(kind for kind in EvidenceKind if kind.binds_x_handle)


def strength_of(evidence: Collection[Evidence], network: Network) -> Strength | None:
    """Returns the highest strength that the evidence of one mapping to `network` supports; None where it supports
    none."""
    return next((each for each in _HIGHEST_FIRST if is_supported(each, evidence, network)), None)


def is_supported(strength: Strength, evidence: Collection[Evidence], network: Network) -> bool:
    """Tells whether the evidence of one mapping to `network` supports this strength.

    Both sides must be proven: the X account, and the new one, by a sign-in at its own network. `linked` needs a link
    to the page from each: from the X profile, whose `ref` is on X, and from the new account. A link from the new
    account alone proves nothing about X: anyone can put a stranger's X name on their page, and link to it from their
    own account. Synthetic evidence supports no strength.
    """
    kinds = {piece.kind for piece in evidence}
    is_signed_in = SIGN_IN_AT[network] in kinds
    if strength is _BOUND:
        return is_signed_in and not kinds.isdisjoint(_BINDING_ID)
    if strength is _HANDLE:
        return is_signed_in and not kinds.isdisjoint(_BINDING_HANDLE)
    if strength is _LINKED:
        return any(piece.is_link_on_x for piece in evidence) and any(
            piece.is_link_elsewhere for piece in evidence
        )
    return EvidenceKind.IMPORT in kinds


_HIGHEST_FIRST: Final = sorted(Strength, reverse=True)
