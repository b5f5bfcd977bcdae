"""What holds whichever server it is."""

from typing import Final

GRACEFUL_S: Final = 5.0
KEEP_ALIVE_S: Final = 30.0
"""Between an answer and the next request. Proxies that keep connections have to let go before."""
