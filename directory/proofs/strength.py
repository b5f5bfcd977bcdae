"""How strong a mapping is, told by its evidence alone (DESIGN, 3)."""

from collections.abc import Collection

from directory.errors import InvalidIdentifier
from directory.identifiers import parse_x_account
from directory.mappings import Evidence, EvidenceKind, Strength


def strength_of(evidence: Collection[Evidence]) -> Strength | None:
    """The strongest that the evidence of one mapping carries; None where it carries nothing.

    Both sides must be proven: the X account, and the new one. `linked` needs a link from each to the page:
    from the X profile, whose `ref` is on X, and from the new one. That of the new account alone says nothing
    about X: whoever puts a stranger's X name on their page links to it from their own account all the same.
    Synthetic evidence carries nothing.
    """
    kinds = [piece.kind for piece in evidence]
    links = [piece for piece in evidence if piece.kind is EvidenceKind.PROFILE_LINK]
    is_new_account_proven = any(kind.proves_new_account for kind in kinds)
    if is_new_account_proven and any(kind.binds_x_id for kind in kinds):
        return Strength.BOUND
    if is_new_account_proven and any(kind.binds_x_handle for kind in kinds):
        return Strength.HANDLE
    x_links = [link for link in links if _is_on_x(link.ref)]
    if x_links and len(x_links) < len(links):
        return Strength.LINKED
    return Strength.IMPORTED if EvidenceKind.IMPORT in kinds else None


def _is_on_x(ref: str | None) -> bool:
    if ref is None or "/" not in ref:
        return False
    try:
        parse_x_account(ref)
    except InvalidIdentifier:
        return False
    return True
