"""The form of a name on X, in one place."""

import re
from typing import Final

X_NAME_CHARS: Final = 20
"""X gives 4 to 15 characters today; accounts of 16 to 20 were made before, and keep their names. X's own reader of
posts takes as many: twitter-text 3.1.0, `extractMentions`."""
X_NAME: Final = re.compile(rf"[A-Za-z0-9_]{{1,{X_NAME_CHARS}}}")
