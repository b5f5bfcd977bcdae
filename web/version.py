"""What this software is called."""

from importlib.metadata import version
from typing import Final

SOFTWARE: Final = "passerelle"
VERSION: Final = version("passerelle")
