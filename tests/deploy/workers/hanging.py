"""A web process that never gets to serve."""

import time

time.sleep(600)
