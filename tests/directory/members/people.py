"""Accounts and proofs of people in tests, each made in one line."""

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from directory.accounts import (
    Account,
    BlueskyAccount,
    LinkedAccount,
    MastodonAccount,
    ProofState,
    ProvenAccount,
    TargetAccount,
    XAccount,
)
from directory.identifiers import Acct, ActorUri, AtHandle, XHandle, XId
from directory.mappings import Evidence, EvidenceKind
from tests.harness.clock import START
from tests.harness.mappings import did

INSTANCE = "one.example"
ORIGIN = "one.example/log"


def at_bluesky(name: str, *, handle: str | None = None, at: datetime = START) -> ProvenAccount:
    """A sign-in at Bluesky as `name`, whose handle may have changed."""
    return ProvenAccount(bluesky(name, handle), Evidence(EvidenceKind.BLUESKY_OAUTH, at))


def bluesky(name: str, handle: str | None = None) -> BlueskyAccount:
    """An account at Bluesky."""
    return BlueskyAccount(did(name), AtHandle.parse(handle or f"{name}.bsky.example"))


def at_mastodon(name: str, *, acct: str | None = None, at: datetime = START) -> ProvenAccount:
    """A sign-in at a Mastodon server as `name`."""
    return ProvenAccount(mastodon(name, acct=acct), Evidence(EvidenceKind.MASTODON_OAUTH, at))


def mastodon(name: str, *, host: str = "social.example", acct: str | None = None) -> MastodonAccount:
    """An account of a Mastodon server."""
    return MastodonAccount(
        ActorUri.parse(f"https://{host}/users/{name}"), Acct.parse(acct or f"{name}@{host}")
    )


def on_x(
    handle: str,
    x_id: int | None = None,
    *,
    at: datetime = START,
    post: int = 1,
    names: Collection[TargetAccount] | None = None,
) -> ProvenAccount:
    """An X account proven by a post: with an id where one is given, else by the handle alone.

    The post names `names`; where none are given, the accounts of the same name on both networks.
    """
    kind = EvidenceKind.X_POST_HANDLE if x_id is None else EvidenceKind.X_POST_ID
    named = names_of(*(named_alike(handle) if names is None else names))
    return ProvenAccount(x_account(handle, x_id), Evidence(kind, at, f"https://x.com/i/status/{post}", named))


def named_alike(name: str) -> tuple[TargetAccount, ...]:
    """The accounts of one name on both networks."""
    return bluesky(name.lower().replace("_", "-")), mastodon(name.lower())


def names_of(*accounts: TargetAccount) -> tuple[str, ...]:
    """What evidence names, for a proof that points to these accounts."""
    return tuple(sorted(str(account.id) for account in accounts))


def x_account(handle: str, x_id: int | None = None) -> XAccount:
    """An X account, with an id where one is given."""
    return XAccount(XId(x_id) if x_id is not None else None, XHandle.parse(handle))


def linked(
    account: Account, *evidence: Evidence, number: int = 1, checked_at: datetime = START
) -> LinkedAccount:
    """An account that was proven at START, and is published."""
    return LinkedAccount(
        id=UUID(int=number),
        member=UUID(int=2),
        account=account,
        evidence=evidence,
        linked_at=START,
        proven_at=START,
        checked_at=checked_at,
        recheck_at=START,
        health=ProofState.HOLDS,
        health_since=None,
        on_page=True,
    )


def x_ids(accounts: Iterable[LinkedAccount]) -> list[XId]:
    """Returns the ids of the X accounts that have one."""
    return [each.x.id for each in accounts if each.x is not None and each.x.id is not None]
