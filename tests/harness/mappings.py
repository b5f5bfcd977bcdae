"""Mappings for tests, in one line each."""

from datetime import datetime, timedelta

from directory.identifiers import Acct, ActorUri, AtHandle, Did, XHandle, XId
from directory.mappings import Evidence, EvidenceKind, Mapping, MappingState, Network, Strength
from tests.harness.clock import START

ORIGIN = "one.example/log"
OTHER_ORIGIN = "two.example/log"


def did(name: str) -> Did:
    """A DID that looks like its name: letters and padding."""
    letters = "".join(c for c in name.lower() if c in "abcdefghijklmnopqrstuvwxyz234567")
    return Did.parse("did:plc:" + (letters + "a" * 24)[:24])


def bluesky(
    x_handle: str,
    x_id: int | None = None,
    *,
    target: str | None = None,
    strength: Strength | None = None,
    origin: str = ORIGIN,
    issued: datetime = START,
    state: MappingState = MappingState.ACTIVE,
) -> Mapping:
    """A mapping to Bluesky: `bound` with an id, `handle` without, unless it is said otherwise."""
    name = target or x_handle
    return Mapping(
        x_id=XId(x_id) if x_id is not None else None,
        x_handle=XHandle.parse(x_handle),
        network=Network.BLUESKY,
        target_id=did(name),
        target_handle=AtHandle.parse(f"{name.lower().replace('_', '-')}.bsky.example"),
        strength=strength or (Strength.BOUND if x_id is not None else Strength.HANDLE),
        evidence=(Evidence(EvidenceKind.BLUESKY_OAUTH, issued),),
        origin=origin,
        leaf=None,
        issued=issued,
        expires=issued + timedelta(days=180),
        state=state,
    )


def mastodon(
    x_handle: str,
    x_id: int | None = None,
    *,
    target: str | None = None,
    strength: Strength | None = None,
    origin: str = ORIGIN,
    issued: datetime = START,
    state: MappingState = MappingState.ACTIVE,
) -> Mapping:
    """A mapping to a Mastodon server, in the same way."""
    name = target or x_handle
    return Mapping(
        x_id=XId(x_id) if x_id is not None else None,
        x_handle=XHandle.parse(x_handle),
        network=Network.MASTODON,
        target_id=ActorUri.parse(f"https://social.example/users/{name}"),
        target_handle=Acct.parse(f"{name}@social.example"),
        strength=strength or (Strength.BOUND if x_id is not None else Strength.HANDLE),
        evidence=(Evidence(EvidenceKind.MASTODON_OAUTH, issued),),
        origin=origin,
        leaf=None,
        issued=issued,
        expires=issued + timedelta(days=180),
        state=state,
    )
