"""What has run out is put away: small steps, each safe to repeat, by any number of processes."""

from typing import Final

import msgspec

from directory.clock import Clock
from directory.store.challenges import ChallengeStore
from directory.store.claims import ClaimStore
from directory.store.consents import ConsentStore
from directory.store.host_backoff import HostBackoffStore
from directory.store.link_checks import LinkCheckStore
from directory.store.publications import PublicationStore
from directory.store.sessions import SessionStore
from directory.store.sign_ins import SignInStore

STEP: Final = 1_000
"""Rows that one step touches."""


class Stores(msgspec.Struct, frozen=True):
    """Where things run out."""

    sign_ins: SignInStore
    sessions: SessionStore
    challenges: ChallengeStore
    claims: ClaimStore
    consents: ConsentStore
    publications: PublicationStore
    link_checks: LinkCheckStore
    host_backoffs: HostBackoffStore


class Housekeeping:
    """Run every few minutes."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._stores = stores
        self._clock = clock

    async def run(self) -> dict[str, int]:
        """Does one step of everything; how many rows each put away, by name. Repeat while one is `STEP`."""
        now, stores = self._clock.now(), self._stores
        return {
            "sign_ins": await stores.sign_ins.purge_sign_ins(now),
            "sessions": await stores.sessions.purge_sessions(now),
            "challenges": await stores.challenges.purge_challenges(now),
            "consents": await stores.consents.end_expired_consents(now, STEP),
            "publications": await stores.publications.drop_expired_publications(now, STEP),
            "link_checks": await stores.link_checks.purge_link_checks(now, STEP),
            "host_backoffs": await stores.host_backoffs.purge_backoffs(now, STEP),
            "claims": await stores.claims.settle_unopposed_claims(now, STEP),
        }
