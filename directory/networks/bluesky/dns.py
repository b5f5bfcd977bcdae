"""Looks up TXT records, by the system's name servers."""

from collections.abc import Sequence
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.resolver
from dns.rdtypes.ANY.TXT import TXT

DNS_TIMEOUT_S: Final = 5.0
MAX_TXT_RECORDS: Final = 100


async def look_up_txt(name: str, resolver: dns.asyncresolver.Resolver | None = None) -> Sequence[str]:
    """Looks up the texts of a name, each joined from its pieces (RFC 7208, 3.3). Raises OSError."""
    try:
        resolver = resolver or dns.asyncresolver.Resolver()
        answer = await resolver.resolve(name, "TXT", lifetime=DNS_TIMEOUT_S, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as error:
        # Also no answer in time, and a system without any name server.
        raise OSError(f"the name servers gave no answer: {type(error).__name__}") from None
    records = [record for record in answer if isinstance(record, TXT)][:MAX_TXT_RECORDS]
    return [b"".join(record.strings).decode("utf-8", "replace") for record in records]
