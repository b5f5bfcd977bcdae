"""Hypercorn's settings, with what each answer says of the server made once a second."""

import time
from typing import Final

from hypercorn.config import Config

Headers = list[tuple[bytes, bytes]]
_NEVER: Final = -1


class DatedConfig(Config):
    """Writes the date once a second, where Hypercorn writes it for each answer."""

    def __init__(self) -> None:
        super().__init__()
        self._second = _NEVER
        self._of_protocol: dict[str, Headers] = {}

    def response_headers(self, protocol: str) -> Headers:
        """Returns the headers that the server adds to an answer. Nobody changes them."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._of_protocol.clear()
        headers = self._of_protocol.get(protocol)
        if headers is None:
            headers = self._of_protocol[protocol] = super().response_headers(protocol)
        return headers
