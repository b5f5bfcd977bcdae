from itertools import combinations

import pytest

from directory.mappings import Evidence, EvidenceKind, Strength
from directory.proofs.strength import strength_of
from tests.harness.clock import START

K = EvidenceKind
X_PROFILE = "https://x.com/alice"
BLUESKY_PROFILE = "https://bsky.app/profile/did:plc:ewvi7nxzyoun6zhxrhs64oiz"


def evidence(*kinds: EvidenceKind) -> list[Evidence]:
    return [Evidence(kind, START) for kind in kinds]


def link(ref: str | None) -> Evidence:
    return Evidence(K.PROFILE_LINK, START, ref)


@pytest.mark.parametrize("new", [K.BLUESKY_OAUTH, K.MASTODON_OAUTH])
@pytest.mark.parametrize(
    ("on_x", "strength"),
    [
        (K.X_POST_ID, Strength.BOUND),
        (K.X_OAUTH, Strength.BOUND),
        (K.X_POST_HANDLE, Strength.HANDLE),
        (K.X_CONFIRMED, Strength.HANDLE),
    ],
)
def test_both_sides_proven(on_x: EvidenceKind, new: EvidenceKind, strength: Strength) -> None:
    assert strength_of(evidence(on_x, new)) is strength
    assert strength_of(evidence(on_x)) is None
    assert strength_of(evidence(new)) is None
    assert strength_of(evidence(on_x, new, K.IMPORT, K.X_CONFIRMED)) is strength


def test_links_of_both_profiles() -> None:
    assert strength_of([link(X_PROFILE), link(BLUESKY_PROFILE)]) is Strength.LINKED
    both = [link(X_PROFILE), link(BLUESKY_PROFILE), *evidence(K.BLUESKY_OAUTH)]
    assert strength_of(both) is Strength.LINKED


def test_a_link_of_the_x_account_alone_is_half_of_it() -> None:
    """The new account was signed in with; that it is meant by who holds the X account, its profile has to say."""
    assert strength_of([link(X_PROFILE), *evidence(K.BLUESKY_OAUTH)]) is None


@pytest.mark.parametrize("ref", [None, "", "alice", "https://evil.example/x.com/alice", BLUESKY_PROFILE])
def test_a_link_of_the_new_account_alone_says_nothing_about_x(ref: str | None) -> None:
    """Mallory names the victim's X account on her page here, and links to it from her own Mastodon account."""
    assert strength_of([link(ref), *evidence(K.MASTODON_OAUTH)]) is None
    assert strength_of([link(ref), link(BLUESKY_PROFILE)]) is None
    assert strength_of([link(X_PROFILE)]) is None
    assert strength_of([link(X_PROFILE), link(X_PROFILE)]) is None


def test_imported_and_synthetic() -> None:
    assert strength_of(evidence(K.IMPORT)) is Strength.IMPORTED
    assert strength_of(evidence(K.DEMO)) is None
    assert strength_of([]) is None


def test_more_evidence_is_never_weaker() -> None:
    kinds = list(EvidenceKind)
    for some in (set(one) for size in range(4) for one in combinations(kinds, size)):
        base = strength_of(evidence(*some)) or 0
        for kind in kinds:
            assert (strength_of(evidence(*some, kind)) or 0) >= base
