"""Asks an account's server whether the account is there: com.atproto.sync.getRepoStatus.

A server that deletes an account leaves its DID document in the PLC directory, so that alone does not tell.
"""

from typing import Final
from urllib.parse import urlencode

import msgspec

from directory.networks.bluesky.did import DidDocument
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from directory.networks.sign_in_errors import network_errors

STATUS_LIMITS: Final = Limits(total_s=10.0, max_body_bytes=16 * 1024)
_UNKNOWN: Final = frozenset({400, 404})


class _Status(msgspec.Struct):
    did: str
    active: bool


async def is_active(http: GuardedClient, document: DidDocument) -> bool:
    """Tells whether an account is active at its server: neither deleted, nor deactivated, nor taken down there.

    Raises ServerUnreachable, ServerNotAllowed, ServerMisbehaved.
    """
    query = urlencode({"did": str(document.did)})
    with network_errors():
        url = f"{document.pds}/xrpc/com.atproto.sync.getRepoStatus?{query}"
        answer = await http.get(url, limits=STATUS_LIMITS)
        if answer.status in _UNKNOWN:
            return False
        status = answer.expect(200).parse(_Status)
    return status.active and status.did == str(document.did)
