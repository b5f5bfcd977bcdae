"""Faces: name, description and picture beside each match, fetched by this instance and served from its own address.

A plan works without them: whoever does not answer in time is shown by name alone.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import structlog

from directory.accounts import TargetAccount
from directory.clock import Clock
from directory.follows.faces import MAX_PICTURE_BYTES, Face, Picture, picture_type, trimmed
from directory.follows.plan import Known
from directory.mappings import Network
from directory.networks.errors import NetworkError
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from directory.ranking import Match
from directory.services.warnings import Profiles
from directory.store.faces import FaceStore

log = structlog.get_logger(__name__)

WAIT_S: Final = 3.0
"""How long a page waits for faces."""
MAX_FACES: Final = 100
"""How many are asked for at a time: those of one page."""
PICTURES_AT_ONCE: Final = 8
"""Over all members, in one process."""
PICTURE_LIMITS: Final = Limits(total_s=10.0, max_body_bytes=MAX_PICTURE_BYTES)
_REDIRECTS: Final = 2
_OK: Final = 200


class Faces:
    """The faces of the people on a page."""

    def __init__(
        self, store: FaceStore, profiles: Mapping[Network, Profiles], http: GuardedClient, clock: Clock
    ) -> None:
        self._store = store
        self._profiles = profiles
        self._http = http
        self._clock = clock
        self._places = asyncio.Semaphore(PICTURES_AT_ONCE)

    async def of(
        self, network: Network, accounts: Sequence[TargetAccount], *, wait_s: float = WAIT_S
    ) -> dict[str, Face]:
        """Returns the faces that are known, or fetched in that time, by the texts of their ids."""
        wanted = accounts[:MAX_FACES]
        found = await self._store.find_faces(network, [str(each.id) for each in wanted], self._clock.now())
        known = {str(face.profile.account.id): face for face in found}
        missing = [each for each in wanted if str(each.id) not in known]
        for face in await self._fetch(network, missing, wait_s):
            known[str(face.profile.account.id)] = face
        return known

    async def known(self, network: Network, matches: Iterable[Match]) -> dict[str, Known]:
        """Returns what the network said within a day of those who were matched and are gone, moved or labelled. Asks
        nobody."""
        ids = {str(a.mapping.target_id) for m in matches for a in m.answers if a.mapping.network is network}
        faces = await self._store.find_known(network, list(ids), self._clock.now())
        return {
            str(face.profile.account.id): Known(face.profile.reason, face.profile.moved_to) for face in faces
        }

    async def picture(self, code: str) -> Picture | None:
        """Returns the picture of a face, fetched once a day. None where there is none that may be shown."""
        found = await self._store.find_picture(code, self._clock.now())
        if not isinstance(found, str):
            return found
        async with self._places:
            picture = await self._fetch_picture(found)
        await self._store.save_picture(code, found, picture)
        return picture

    async def _fetch(self, network: Network, missing: Sequence[TargetAccount], wait_s: float) -> list[Face]:
        profiles = self._profiles.get(network)
        if profiles is None or not missing or wait_s <= 0:
            return []
        asked = {str(each.id) for each in missing}
        try:
            async with asyncio.timeout(wait_s):
                told = await profiles.read(missing)
        except (NetworkError, TimeoutError) as error:
            log.info("faces did not come", network=network.value, error=type(error).__name__)
            return []
        # Only of those who were asked for: nobody else's face is written over.
        faces = {str(each.account.id): trimmed(each) for each in told if str(each.account.id) in asked}
        return await self._store.save_faces(network, list(faces.values()), self._clock.now())

    async def _fetch_picture(self, url: str) -> Picture | None:
        try:
            answer = await self._http.get(url, limits=PICTURE_LIMITS, redirects=_REDIRECTS)
        except NetworkError:
            return None
        kind = picture_type(answer.body) if answer.status == _OK else ""
        return Picture(answer.body, kind) if kind else None
