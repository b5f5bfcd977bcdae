from itertools import combinations

import pytest

from directory.mappings import Evidence, EvidenceKind, Network, Strength
from directory.proofs import strength
from tests.harness.clock import START

K = EvidenceKind
X_PROFILE = "https://x.com/alice"
BLUESKY_PROFILE = "https://bsky.app/profile/did:plc:ewvi7nxzyoun6zhxrhs64oiz"


def evidence(*kinds: EvidenceKind) -> list[Evidence]:
    return [Evidence(kind, START) for kind in kinds]


def link(ref: str | None) -> Evidence:
    return Evidence(K.PROFILE_LINK, START, ref)


def strength_of(evidence: list[Evidence], network: Network = Network.BLUESKY) -> Strength | None:
    return strength.strength_of(evidence, network)


@pytest.mark.parametrize(
    ("new", "network"), [(K.BLUESKY_OAUTH, Network.BLUESKY), (K.MASTODON_OAUTH, Network.MASTODON)]
)
@pytest.mark.parametrize(
    ("on_x", "graded"),
    [
        (K.X_POST_ID, Strength.BOUND),
        (K.X_OAUTH, Strength.BOUND),
        (K.X_POST_HANDLE, Strength.HANDLE),
        (K.X_CONFIRMED, Strength.HANDLE),
    ],
)
def test_both_sides_proven(on_x: EvidenceKind, new: EvidenceKind, network: Network, graded: Strength) -> None:
    assert strength_of(evidence(on_x, new), network) is graded
    assert strength_of(evidence(on_x), network) is None
    assert strength_of(evidence(new), network) is None
    assert strength_of(evidence(on_x, new, K.IMPORT, K.X_CONFIRMED), network) is graded


def test_a_sign_in_at_another_network_proves_nothing_of_this_account() -> None:
    assert strength_of(evidence(K.X_POST_ID, K.MASTODON_OAUTH), Network.BLUESKY) is None
    assert strength_of(evidence(K.X_POST_HANDLE, K.BLUESKY_OAUTH), Network.MASTODON) is None


def test_links_of_both_profiles() -> None:
    assert strength_of([link(X_PROFILE), link(BLUESKY_PROFILE)]) is Strength.LINKED
    both = [link(X_PROFILE), link(BLUESKY_PROFILE), *evidence(K.BLUESKY_OAUTH)]
    assert strength_of(both) is Strength.LINKED
    long = link("https://x.com/a_name_of_20_letters")
    assert strength_of([long, link(BLUESKY_PROFILE)]) is Strength.LINKED


def test_a_link_of_the_x_account_alone_is_half_of_it() -> None:
    """The new account was signed in with; that it is meant by who holds the X account, its profile has to say."""
    assert strength_of([link(X_PROFILE), *evidence(K.BLUESKY_OAUTH)]) is None


@pytest.mark.parametrize(
    "ref",
    [
        None,
        "",
        "alice",
        "https://evil.example/x.com/alice",
        BLUESKY_PROFILE,
        "http://x.com/alice",
        "https://x.com.evil.example/alice",
        "https://x.com/alice/status/1",
        "https://x.com/alice?",
        "https://x.com/a_name_of_21_letters_",
        "https://X.com/alice",
    ],
)
def test_a_link_of_the_new_account_alone_says_nothing_about_x(ref: str | None) -> None:
    """Mallory names the victim's X account on her page here, and links to it from her own Mastodon account."""
    assert strength_of([link(ref), *evidence(K.MASTODON_OAUTH)], Network.MASTODON) is None
    assert strength_of([link(ref), link(BLUESKY_PROFILE)]) is None
    assert strength_of([link(X_PROFILE)]) is None
    assert strength_of([link(X_PROFILE), link(X_PROFILE)]) is None


@pytest.mark.parametrize(
    "ref",
    [
        None,
        "",
        "alice",
        "https://x.com/other",
        "https://twitter.com/alice",
        "https://mobile.x.com/alice",
        "https://localhost/alice",
        "https://BSKY.app/alice",
        "http://bsky.app/alice",
        "https://bsky.app",
    ],
)
def test_a_second_link_that_is_not_on_another_host_proves_no_new_account(ref: str | None) -> None:
    """Mallory, who holds the X account, counts two of its pages as the profiles of two accounts."""
    assert strength_of([link(X_PROFILE), link(ref), *evidence(K.BLUESKY_OAUTH)]) is None


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
