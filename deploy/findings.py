"""The result of a check of `passerelle doctor`."""

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """The result of one check. `mend` is what to do, where something is wrong or could be better."""

    name: str
    is_good: bool
    seen: str
    mend: str = ""
