"""How long a permission is kept while its run waits for its member."""

from datetime import timedelta
from typing import Final

from directory.follows.states import RunState

KEEP_PERMISSION: Final = timedelta(days=30)
"""From the moment since which the run waits, or the permission was given: after that the run goes on with a new one. So long
a session lasts that nobody uses."""
WAITING: Final = frozenset({RunState.PAUSED, RunState.NEEDS_SIGN_IN})
"""Nothing is done until the member comes back."""
