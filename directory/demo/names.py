"""Invented names: pleasant, plainly synthetic, on servers that cannot exist (RFC 2606)."""

from typing import Final


def _words(text: str) -> list[str]:
    return text.split()


_FIRST_STARTS: Final = _words(
    "Mir Lun Tav Sel Bel Cor Dal Fen Gal Hal Jor Kel Lor Mel Nor Per "
    "Ral San Tam Vel Wil Yor Zel Bal Cal Del Fal Lin Mar Ner Rin Tel"
)
_FIRST_ENDS: Final = _words(
    "a e i o u ea ia io ai ei elo ani ino ara ero iva "
    "una ora eli ilo ami eno ova uri alo emi ila oni aya eva isa olo"
)
_SECOND_STARTS: Final = _words(
    "Tav Dor Fal Ven Lar Mon Ros Sol Tor Val Bor Cas Den Fir Gor Har "
    "Jan Kal Lum Mas Nev Pol Rav Sil Tir Ves Wen Yal Zor Bes Cen Lev"
)
_SECOND_ENDS: Final = _words(
    "an en in on el or ar is os us ane ine ova eki aro eno "
    "iri olo ura asi am im al il ona eta ida ado ero uni ele iso"
)

FIRST_NAMES: Final = [start + end for start in _FIRST_STARTS for end in _FIRST_ENDS]
"""1,024 different names of at most 6 letters."""
SECOND_NAMES: Final = [start + end for start in _SECOND_STARTS for end in _SECOND_ENDS]
"""1,024 different names of at most 6 letters."""
NUMBERS: Final = _words("10 13 17 21 24 28 33 37 42 46 51 58 64 72 85 97")
"""16 different numbers of two digits."""

_PLACES: Final = _words(
    "lantern harbour meadow orchard cobble willow beacon ferry quarry saddle thicket estuary "
    "gable hollow juniper kestrel"
)
MASTODON_HOSTS: Final = [f"{place}.{end}" for place in _PLACES for end in ("example", "social.test")]
BLUESKY_HOSTS: Final = ("sky.example", "sky.example", "feather.example", "cirrus.test")
"""The first stands twice: most people stay where they signed up."""
