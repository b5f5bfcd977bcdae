"""What instances say to each other about peering: `POST /federation/v1/peering`. Pure."""

import enum
from typing import Final, Literal

import msgspec

from directory.origin_names import is_origin
from federation.errors import Malformed

PEERING_PATH: Final = "/federation/v1/peering"
MAX_PEERING_BYTES: Final = 4_096
MAX_ADDRESS_CHARS: Final = 300


class InvalidPeering(Malformed):
    """Bytes are not a request of a peer, or not an answer to one."""


class Wish(enum.Enum):
    """What is asked for."""

    FOLLOW = "follow"
    STOP = "stop"


class State(enum.Enum):
    """What is answered."""

    WAITING = "waiting"
    """An operator has to decide."""
    APPROVED = "approved"
    STOPPED = "stopped"


class PeeringRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The content of a request. `address` is read on one machine only, where it tells the port."""

    v: Literal[1]
    origin: str
    wish: Wish
    address: str | None = None


class PeeringAnswer(msgspec.Struct, frozen=True):
    """The content of an answer."""

    state: State


_request_decoder: Final = msgspec.json.Decoder(PeeringRequest)
_answer_decoder: Final = msgspec.json.Decoder(PeeringAnswer)


def encode_peering(said: PeeringRequest | PeeringAnswer) -> bytes:
    return msgspec.json.encode(said)


def parse_peering_request(data: bytes) -> PeeringRequest:
    """Parses a request. Raises InvalidPeering."""
    if len(data) > MAX_PEERING_BYTES:
        raise InvalidPeering(f"a request for peering is longer than {MAX_PEERING_BYTES} bytes")
    try:
        request = _request_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidPeering("this is not a request for peering") from error
    if not is_origin(request.origin) or len(request.address or "") > MAX_ADDRESS_CHARS:
        raise InvalidPeering(
            "a request for peering names no log by its origin, or an address that is too long"
        )
    return request


def parse_peering_answer(data: bytes) -> State:
    """Parses an answer. Raises InvalidPeering."""
    try:
        return _answer_decoder.decode(data).state
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidPeering("this is not an answer to a request for peering") from error
