"""What holds whichever server it is."""

from typing import Final

GRACEFUL_S: Final = 5.0
ENDS_ALL_AFTER_S: Final = GRACEFUL_S + 1.0
"""After being told to end: what was not read by then is given up, and its connection with it."""
KEEP_ALIVE_S: Final = 30.0
"""Between an answer and the next request. Proxies that keep connections have to let go before."""
