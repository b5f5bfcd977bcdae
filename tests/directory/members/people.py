"""People for tests: what they have proven, in one line each."""

from datetime import datetime

from directory.accounts import ProvenAccount
from directory.identifiers import Acct, ActorUri, AtHandle, XHandle, XId
from directory.mappings import Evidence, EvidenceKind
from tests.harness.clock import START
from tests.harness.mappings import did

INSTANCE = "one.example"
ORIGIN = "one.example/log"


def at_bluesky(name: str, *, handle: str | None = None, at: datetime = START) -> ProvenAccount:
    """Signed in at Bluesky as `name`, whose handle may have changed."""
    evidence = Evidence(EvidenceKind.BLUESKY_OAUTH, at)
    return ProvenAccount.bluesky(did(name), AtHandle.parse(handle or f"{name}.bsky.example"), evidence)


def at_mastodon(name: str, *, acct: str | None = None, at: datetime = START) -> ProvenAccount:
    """Signed in at a Mastodon server as `name`."""
    evidence = Evidence(EvidenceKind.MASTODON_OAUTH, at)
    actor = ActorUri.parse(f"https://social.example/users/{name}")
    return ProvenAccount.mastodon(actor, Acct.parse(acct or f"{name}@social.example"), evidence)


def on_x(handle: str, x_id: int | None = None, *, at: datetime = START, post: int = 1) -> ProvenAccount:
    """Proved an X account by a post: with an id where one is given, else by the handle alone."""
    kind = EvidenceKind.X_POST_HANDLE if x_id is None else EvidenceKind.X_POST_ID
    evidence = Evidence(kind, at, f"https://x.com/i/status/{post}")
    return ProvenAccount.x(XId(x_id) if x_id is not None else None, XHandle.parse(handle), evidence)
