"""Makes the mappings of invented people, ready for COPY."""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from directory.demo.names import BLUESKY_HOSTS, MASTODON_HOSTS
from directory.demo.problems import DemoError, DemoProblem
from directory.demo.world import MAX_PEOPLE, World
from directory.host_names import DEMO_HOSTS
from directory.mapping_life import MappingState
from directory.mappings import Evidence, EvidenceKind, Network, Strength
from directory.origin_names import LOG_SUFFIX
from directory.store.mappings import MappingRow, encode_evidence, network_code

DEMO_ORIGINS: Final = (DEMO_HOSTS[0] + LOG_SUFFIX, DEMO_HOSTS[1] + LOG_SUFFIX)
"""The origins of invented mappings. There are no logs of these names, and no peer can have one."""
VALID_DAYS: Final = 180
_ISSUED_DAYS: Final = 170
"""Mappings are issued on one of so many days before now, so that none has expired yet."""

# Shares, in parts of 256: one byte of a person's hash decides each.
_BLUESKY: Final = 141
_BOTH: Final = 26
_SECOND_ORIGIN: Final = 32
_STRENGTHS: Final = (
    [Strength.BOUND.value] * 179
    + [Strength.HANDLE.value] * 51
    + [Strength.LINKED.value] * 21
    + [Strength.IMPORTED.value] * 5
)
_DISPUTED_PART: Final = 4
"""One in four of one in 256: about one in a thousand."""

_DID_CHARS: Final = b"abcdefghijklmnopqrstuvwxyz234567"
_TO_DID: Final = (_DID_CHARS * 8)[:256]
_TO_OTHER_DID: Final = (_DID_CHARS[1:] + _DID_CHARS[:1]) * 8
_DID_BYTES: Final = 24

_Statement = tuple[int, int, int, int | None, datetime, datetime, datetime, str, bool]

_ACTIVE: Final = MappingState.ACTIVE.value
_BOUND: Final = Strength.BOUND.value
_BLUESKY_CODE: Final = network_code(Network.BLUESKY)
_MASTODON_CODE: Final = network_code(Network.MASTODON)
_BLUESKY_ENDS: Final = [f".{host}" for host in BLUESKY_HOSTS]
# A good quarter of all is on the first server.
_HOSTS: Final = [MASTODON_HOSTS[0] if byte < 64 else MASTODON_HOSTS[byte % 32] for byte in range(256)]
_ANOTHER_HOST: Final = [0 if host != _HOSTS[0] else 65 for host in _HOSTS]
_ACTOR_STARTS: Final = [f"https://{host}/users/" for host in _HOSTS]
_ACCT_ENDS: Final = [f"@{host}" for host in _HOSTS]


def demo_rows(
    count: int, *, now: datetime, origins: tuple[int, int], seed: int = 0, first: int = 0
) -> Iterator[MappingRow]:
    """Yields the mappings of `count` people from slot `first`: 1.1 rows a person.

    55 % are on Bluesky, 45 % on Mastodon, one in ten on both; 70 % bound, 20 % handle, 8 % linked,
    2 % imported; one in a thousand is disputed between two origins. `origins` are the row numbers of
    `DEMO_ORIGINS`; `now` is aware. Raises DemoError beyond MAX_PEOPLE.
    """
    if count < 0 or first < 0:
        raise DemoError(DemoProblem.WRONG_NUMBERS)
    if first + count > MAX_PEOPLE:
        raise DemoError(DemoProblem.TOO_MANY_PEOPLE)
    return _rows(World(seed), range(first, first + count), now, origins)


def _rows(world: World, slots: range, now: datetime, origins: tuple[int, int]) -> Iterator[MappingRow]:
    said = [_statements(now, origin) for origin in origins]
    sha256, key = hashlib.sha256, world.key
    shuffled_at, handle_at, x_id_at = world.shuffled, world.handle_at, world.x_id_at
    for slot in slots:
        shuffled = shuffled_at(slot)
        handle = handle_at(shuffled)
        name = handle.lower()
        digest = sha256(key + slot.to_bytes(4, "big")).digest()
        strength, day = _STRENGTHS[digest[24]], digest[25] % _ISSUED_DAYS
        origin = digest[26] < _SECOND_ORIGIN
        person = (x_id_at(shuffled) if strength == _BOUND else None, handle, name)
        statement = said[origin][strength][day]
        is_bluesky, is_on_both = digest[27] < _BLUESKY, digest[28] < _BOTH
        if is_bluesky or is_on_both:
            yield person + _bluesky(digest, name, _TO_DID, digest[29]) + statement
        if not is_bluesky or is_on_both:
            yield person + _mastodon(name, digest[30]) + statement
        if digest[31] == 0 and digest[29] % _DISPUTED_PART == 0:
            contradiction = said[not origin][strength][day]
            if is_bluesky:
                yield person + _bluesky(digest, name, _TO_OTHER_DID, digest[29] + 2) + contradiction
            else:
                yield person + _mastodon(name, _ANOTHER_HOST[digest[30]]) + contradiction


def _bluesky(digest: bytes, name: str, to_did: bytes, host: int) -> tuple[int, str, str, str]:
    """Makes network, target id, target handle and its key. A DID of the plc method has 24 base-32 characters."""
    did = "did:plc:" + digest[:_DID_BYTES].translate(to_did).decode("ascii")
    handle = name.replace("_", "-") + _BLUESKY_ENDS[host & 3]
    return _BLUESKY_CODE, did, handle, handle


def _mastodon(name: str, host: int) -> tuple[int, str, str, str]:
    acct = name + _ACCT_ENDS[host]
    return _MASTODON_CODE, _ACTOR_STARTS[host] + name, acct, acct


def _statements(now: datetime, origin: int) -> dict[int, list[_Statement]]:
    """Makes the second half of a row for each strength and each day before now. Rows share them."""
    issued = [now - timedelta(days=day, minutes=day * 7 % 60) for day in range(_ISSUED_DAYS)]
    validity = timedelta(days=VALID_DAYS)
    evidence = [encode_evidence((Evidence(EvidenceKind.DEMO, at),)) for at in issued]
    return {
        strength.value: [
            (strength.value, _ACTIVE, origin, None, at, at + validity, at + validity, seen, False)
            for at, seen in zip(issued, evidence, strict=True)
        ]
        for strength in Strength
    }
