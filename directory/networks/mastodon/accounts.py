"""Reads the account of a token: https://docs.joinmastodon.org/methods/accounts/#verify_credentials

Not through Mastodon.py, which makes a text of whatever it is given: what proves an account is read as it was said.
"""

from typing import Final

import msgspec

from directory.errors import InvalidIdentifier
from directory.identifiers import Acct, ActorUri
from directory.networks.answers import Answer
from directory.networks.errors import BadAnswer
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from directory.networks.mastodon.entities import moved_acct
from directory.networks.mastodon.shown import parse_shown_acct
from directory.networks.sign_in_errors import NeedsSignIn, ServerMisbehaved, network_errors

# A profile with its note, fields and custom emoji.
ACCOUNT_LIMITS: Final = Limits(total_s=20.0, max_body_bytes=512 * 1024)
_NOT_ALLOWED: Final = frozenset({401, 403})
_GONE_AT_TAKAHE: Final = b"Invalid Bearer token"
"""Takahē's 400, in plain text; elsewhere a token that is gone is a 401 or a 403."""


class Credentials(msgspec.Struct, frozen=True):
    """The account of a token: the CredentialAccount of the API, as far as it is used here."""

    username: str
    acct: str = ""
    url: str | None = None
    uri: str | None = None
    """The actor URI; in Mastodon since 4.2."""
    moved: object = None
    """The account that this one moved to, as the API gives it; servers differ in what they give for none."""

    def local_acct(self, host: str) -> Acct:
        """Returns the address of the account at its own server. Raises ServerMisbehaved."""
        name = self.acct if "@" in self.acct else f"{self.username}@{host}"
        try:
            return parse_shown_acct(name)
        except InvalidIdentifier as error:
            raise ServerMisbehaved(host, f"signed in nobody we could name: {error.why}") from None

    def moved_acct(self, own: Acct) -> Acct | None:
        """Returns the address that the account moved to; None where it did not."""
        return moved_acct(self.moved, own)

    def is_among(self, actor: ActorUri, urls: frozenset[str]) -> bool:
        """Tells whether this is the account with this URI and these addresses."""
        if self.uri:
            return self.uri == str(actor)
        return bool(self.url) and _bare(self.url or "") in {_bare(url) for url in (*urls, str(actor))}


async def verify_credentials(http: GuardedClient, host: str, access: str) -> Credentials:
    """Fetches the account of a token. Raises NeedsSignIn where the server no longer takes it, and SignInError."""
    with network_errors(host):
        answer = await http.get(
            f"https://{host}/api/v1/accounts/verify_credentials",
            headers={"authorization": f"Bearer {access}", "accept": "application/json"},
            limits=ACCOUNT_LIMITS,
        )
        if is_token_refused(answer) and is_of_the_server(answer):
            raise NeedsSignIn(host, "the server does not take the token")
        return answer.expect(200).parse(Credentials)


def is_token_refused(answer: Answer) -> bool:
    """Tells whether an answer of the API says that the token is gone, or does not suffice."""
    return answer.status in _NOT_ALLOWED or (answer.status == 400 and _GONE_AT_TAKAHE in answer.body)


def is_of_the_server(answer: Answer) -> bool:
    """Tells whether a refusal is the server's own, and no page of something in front of it. Servers refuse a token with
    JSON; RFC 6750, 3, has them name its kind in a header."""
    if _GONE_AT_TAKAHE in answer.body or "bearer" in (answer.header("www-authenticate") or "").lower():
        return True
    try:
        return isinstance(answer.json(), dict)
    except BadAnswer:
        return False


def _bare(url: str) -> str:
    return url.rstrip("/")
