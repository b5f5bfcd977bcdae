"""What a check of `passerelle doctor` has seen."""

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """What one check saw. `mend` is what to do, where something is wrong or could be better."""

    name: str
    is_good: bool
    seen: str
    mend: str = ""
