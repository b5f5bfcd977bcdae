"""The strength of a mapping, computed from its evidence alone (DESIGN, 3)."""

from collections.abc import Collection

from directory.mappings import Evidence, EvidenceKind, Strength


def strength_of(evidence: Collection[Evidence]) -> Strength | None:
    """Returns the highest strength that the evidence of one mapping supports; None where it supports none.

    Both sides must be proven: the X account, and the new one. `linked` needs a link to the page from each: from the X
    profile, whose `ref` is on X, and from the new account. A link from the new account alone proves nothing about X:
    anyone can put a stranger's X name on their page, and link to it from their own account. Synthetic evidence
    supports no strength.
    """
    kinds = [piece.kind for piece in evidence]
    links = [piece for piece in evidence if piece.kind is EvidenceKind.PROFILE_LINK]
    is_new_account_proven = any(kind.proves_new_account for kind in kinds)
    if is_new_account_proven and any(kind.binds_x_id for kind in kinds):
        return Strength.BOUND
    if is_new_account_proven and any(kind.binds_x_handle for kind in kinds):
        return Strength.HANDLE
    if {link.is_link_on_x for link in links} == {True, False}:
        return Strength.LINKED
    return Strength.IMPORTED if EvidenceKind.IMPORT in kinds else None
