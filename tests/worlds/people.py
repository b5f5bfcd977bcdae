"""The name of the instance that the worlds are about."""

from typing import Final

INSTANCE: Final = "one.example"
ORIGIN: Final = "one.example/log"
