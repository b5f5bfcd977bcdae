"""The reasons why demo data cannot be made, and the sentence shown for each."""

import enum
from typing import Final

from directory.errors import DirectoryError
from directory.texts import N_, filled, unmarked


class DemoProblem(enum.StrEnum):
    """Stable codes."""

    TOO_MANY_PEOPLE = "too-many-people"
    WRONG_NUMBERS = "wrong-numbers"
    NO_ROOM = "no-room"
    CANNOT_WRITE = "cannot-write"


SENTENCES: Final[dict[DemoProblem, str]] = {
    DemoProblem.TOO_MANY_PEOPLE: N_(
        "So many people do not fit into the demo world: please ask for at most 10 million, "
        "and for lists of at most 6 million."
    ),
    DemoProblem.WRONG_NUMBERS: N_(
        "Sizes and counts of a demo cannot be below zero, and a share lies between 0 and 1."
    ),
    DemoProblem.NO_ROOM: N_(
        "%(file)s does not fit on the disk and nothing was written: "
        "please free some space, choose another folder or a smaller size."
    ),
    DemoProblem.CANNOT_WRITE: N_(
        "%(file)s could not be written: please check that the folder exists and that you may write to it."
    ),
}


class DemoError(DirectoryError):
    """Demo data cannot be made; no partial file is left. `code` is stable."""

    def __init__(self, code: DemoProblem, file: str = "") -> None:
        self.code = code
        self.file = file
        super().__init__(unmarked(filled(SENTENCES[code], {"file": file})))
