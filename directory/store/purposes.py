"""The numbers that purposes of a sign-in are stored as."""

from typing import Final

from directory.networks.port import Purpose

_CODE: Final = {Purpose.PROVE: 1, Purpose.FOLLOW: 2, Purpose.ARRANGE: 3}
_PURPOSE_OF_CODE: Final = {code: purpose for purpose, code in _CODE.items()}


def purpose_code(purpose: Purpose) -> int:
    """Returns the number a purpose is stored as."""
    return _CODE[purpose]


def purpose_of_code(code: int) -> Purpose:
    """Returns the purpose that a stored number stands for."""
    return _PURPOSE_OF_CODE[code]
