"""The limits of time and size of an exchange with a stranger's server."""

from dataclasses import dataclass
from typing import Final

MAX_HEADERS: Final = 100
MAX_HEAD_BYTES: Final = 32 * 1024
MAX_INTERIM_ANSWERS: Final = 8
# The minimum rate counts only after this long: a short answer may come in one late packet.
SLOW_START_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one request. Times are in seconds, sizes in bytes."""

    # For each of: to get one of our own places, to look up the name, to connect with TLS.
    connect_s: float = 5.0
    # From the request being written until the answer begins.
    first_byte_s: float = 10.0
    # For everything, redirects included.
    total_s: float = 30.0
    # Of the answer on the wire, once it has begun and after `slow_start_s`.
    min_bytes_per_s: float = 1_000.0
    slow_start_s: float = SLOW_START_S
    # Of the answer's content, unpacked.
    max_body_bytes: int = 1024 * 1024
