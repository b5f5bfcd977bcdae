"""An answer of another server."""

from dataclasses import dataclass, field
from typing import Self, TypeVar

import msgspec

from directory.networks.errors import BadAnswer, BadStatus
from directory.networks.exchange import Headers
from directory.networks.urls import Target

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. Its headers and body can hold secrets and are left out of its repr.

    `headers` are in the order they came, their names in lower case.
    """

    status: int
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    target: Target = field(repr=False)

    @property
    def url(self) -> str:
        """The address that gave this answer: the last one, when redirects were followed."""
        return str(self.target)

    @property
    def host(self) -> str:
        """The server that gave this answer."""
        return self.target.host

    def header(self, name: str) -> str | None:
        """Returns a header's value, None without it; several of one name are joined by commas (RFC 9110, 5.3)."""
        values = [value for key, value in self.headers if key == name.lower()]
        return ", ".join(values) if values else None

    def expect(self, *statuses: int) -> Self:
        """Returns the answer itself, if it has one of these statuses. Raises BadStatus."""
        if self.status not in statuses:
            raise BadStatus(self.host, self.status)
        return self

    def json(self) -> object:
        """Decodes the body as JSON. Raises BadAnswer."""
        return self.parse(object)

    def parse(self, type_: type[T]) -> T:
        """Decodes the body as JSON of a given shape (a msgspec type). Raises BadAnswer."""
        try:
            return msgspec.json.decode(self.body, type=type_)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            # Their messages quote the body.
            why = "the answer is not the JSON that was asked for"
            raise BadAnswer(self.host, why, may_have_arrived=True) from None
