"""For clients of servers on this machine, which are asked in plain: httpx would load all authorities for each client."""

import ssl
from typing import Final

NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody: a connection with TLS fails."""
