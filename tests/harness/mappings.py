"""Makes mappings for tests, in one line each."""

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from directory.identifiers import Acct, ActorUri, AtHandle, Did, TargetHandle, TargetId, XHandle, XId
from directory.mappings import Evidence, EvidenceKind, Mapping, Network, Strength
from tests.harness.clock import START

ORIGIN = "one.example/log"
OTHER_ORIGIN = "two.example/log"

Target = tuple[TargetId, TargetHandle, EvidenceKind]


def did(name: str) -> Did:
    """Makes a DID that looks like its name: letters and padding."""
    letters = "".join(c for c in name.lower() if c in "abcdefghijklmnopqrstuvwxyz234567")
    return Did.parse("did:plc:" + (letters + "a" * 24)[:24])


def _mapping_on(
    network: Network,
    x_handle: str,
    x_id: int | None = None,
    *,
    target: str | None = None,
    strength: Strength | None = None,
    origin: str = ORIGIN,
    issued: datetime = START,
) -> Mapping:
    """Makes a mapping: by default `bound` with an id, `handle` without."""
    identity, label, kind = _TARGETS[network](target or x_handle)
    graded = strength or (Strength.BOUND if x_id is not None else Strength.HANDLE)
    return Mapping(
        x_id=XId(x_id) if x_id is not None else None,
        x_handle=XHandle.parse(x_handle),
        network=network,
        target_id=identity,
        target_handle=label,
        strength=graded,
        evidence=_evidence_of(graded, f"https://x.com/{x_handle}", Evidence(kind, issued)),
        origin=origin,
        leaf=None,
        issued=issued,
        expires=issued + timedelta(days=180),
    )


def _evidence_of(strength: Strength, x_profile: str, sign_in: Evidence) -> tuple[Evidence, ...]:
    """Makes the least evidence that supports a strength."""
    seen = sign_in.at
    if strength is Strength.IMPORTED:
        return (Evidence(EvidenceKind.IMPORT, seen),)
    if strength is Strength.LINKED:
        links = (x_profile, "https://profiles.example/@them")
        return tuple(Evidence(EvidenceKind.PROFILE_LINK, seen, ref) for ref in links)
    kind = EvidenceKind.X_POST_ID if strength is Strength.BOUND else EvidenceKind.X_POST_HANDLE
    return (Evidence(kind, seen), sign_in)


def _at_bluesky(name: str) -> Target:
    label = AtHandle.parse(f"{name.lower().replace('_', '-')}.bsky.example")
    return did(name), label, EvidenceKind.BLUESKY_OAUTH


def _at_mastodon(name: str) -> Target:
    identity = ActorUri.parse(f"https://social.example/users/{name}")
    return identity, Acct.parse(f"{name}@social.example"), EvidenceKind.MASTODON_OAUTH


_TARGETS: Final = {Network.BLUESKY: _at_bluesky, Network.MASTODON: _at_mastodon}

bluesky: Final = partial(_mapping_on, Network.BLUESKY)
"""Makes a mapping to Bluesky."""
mastodon: Final = partial(_mapping_on, Network.MASTODON)
"""Makes a mapping to a Mastodon server."""
