"""Warnings: what a network says of people right before they are followed.

A plan holds what was told when its pages were looked at. People on pages that nobody opened, and newcomers of a standing
match, were not asked for by then.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import structlog

from directory.accounts import TargetAccount
from directory.clock import Clock
from directory.follows.faces import Profile, trimmed
from directory.follows.reasons import Reason
from directory.mappings import Network
from directory.networks.errors import NetworkError
from directory.store.faces import FaceStore

log = structlog.get_logger(__name__)

ASKED_AT_A_TIME: Final = 100
WAIT_S: Final = 8.0
"""For those that are asked for at a time. A step has 45 seconds, and asks twice at most."""


class NobodyWarns(NetworkError):
    """The service that tells of the moderators' labels does not answer."""

    code = "nobody-warns"


class Profiles(Protocol):
    """Reads profiles of accounts on one network, as many at a time as it can."""

    async def read(self, accounts: Sequence[TargetAccount]) -> Sequence[Profile]:
        """Returns the profiles of those that are known there. Raises NetworkError."""
        ...


class Warnings:
    """Finds out who is gone, or labelled by the network's moderators. Asks for nobody who was looked at within a day."""

    def __init__(self, network: Network, profiles: Profiles, store: FaceStore, clock: Clock) -> None:
        self._network = network
        self._profiles = profiles
        self._store = store
        self._clock = clock

    async def of(self, accounts: Sequence[TargetAccount]) -> dict[str, Reason]:
        """Returns why people are not to be followed, by the texts of their ids; nothing of the others.

        Raises NobodyWarns where the service does not answer: whoever was not asked for may be somebody else.
        """
        ids = [str(each.id) for each in accounts]
        faces = await self._store.find_faces(self._network, ids, self._clock.now())
        told = {str(face.profile.account.id): face.profile.reason for face in faces}
        unseen = [each for each in accounts if str(each.id) not in told]
        for start in range(0, len(unseen), ASKED_AT_A_TIME):
            told |= await self._ask(unseen[start : start + ASKED_AT_A_TIME])
        return {name: reason for name, reason in told.items() if reason is not Reason.NONE}

    async def _ask(self, accounts: Sequence[TargetAccount]) -> Mapping[str, Reason]:
        asked = {str(each.id) for each in accounts}
        try:
            async with asyncio.timeout(WAIT_S):
                told = await self._profiles.read(accounts)
        except (NetworkError, TimeoutError) as error:
            log.warning("warnings did not come", network=self._network.value, error=type(error).__name__)
            host = error.host if isinstance(error, NetworkError) else ""
            raise NobodyWarns(host, "it tells nothing of people's labels") from error
        warned = {
            str(each.account.id): trimmed(each)
            for each in told
            if each.reason is not Reason.NONE and str(each.account.id) in asked
        }
        # Kept, so that the next plan tells of them. A run of 50,000 people keeps no other faces.
        await self._store.save_faces(self._network, list(warned.values()), self._clock.now())
        return {name: profile.reason for name, profile in warned.items()}
