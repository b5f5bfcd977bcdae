"""The name and version of this software."""

from importlib.metadata import version
from typing import Final

SOFTWARE: Final = "passerelle"
VERSION: Final = version("passerelle")
