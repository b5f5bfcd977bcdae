"""The faults of an archive, and the sentence shown for each."""

import enum
from typing import Final

from directory.errors import DirectoryError
from directory.texts import N_, filled, unmarked

MAX_SHOWN_NAME_CHARS: Final = 80


class ArchiveProblem(enum.StrEnum):
    """Stable codes; the reader in the browser uses the same ones."""

    FILE_EMPTY = "file-empty"
    ZIP_TRUNCATED = "zip-truncated"
    ZIP_BROKEN = "zip-broken"
    ZIP_SPLIT = "zip-split"
    ZIP_METHOD = "zip-method"
    ZIP_TOO_MANY_FILES = "zip-too-many-files"
    ZIP_ENCRYPTED = "zip-encrypted"
    ZIP_NESTED = "zip-nested"
    ZIP_BOMB = "zip-bomb"
    NOTHING_CHOSEN = "nothing-chosen"
    NOT_A_ZIP = "not-a-zip"
    NOT_A_ZIP_PACKED = "not-a-zip-packed"
    NOT_A_ZIP_PAGE = "not-a-zip-page"
    UNSAFE_PATH = "unsafe-path"
    TOO_LARGE = "too-large"
    TOO_MANY_ROWS = "too-many-rows"
    NO_ASSIGNMENT = "no-assignment"
    WRONG_PREFIX = "wrong-prefix"
    NOT_JSON = "not-json"
    WRONG_SHAPE = "wrong-shape"
    ROW_TOO_LONG = "row-too-long"
    NUMBERS_FOR_STRINGS = "numbers-for-strings"
    BAD_ID = "bad-id"
    CSV_ERA = "csv-era"
    LOOK_ALIKE = "look-alike"
    SEVERAL_ARCHIVES = "several-archives"
    SAME_FILE_TWICE = "same-file-twice"
    TWO_ACCOUNTS = "two-accounts"
    UTF16 = "utf-16"
    NO_FOLLOW_LIST = "no-follow-list"
    NOT_FOUND = "not-found"
    UNREADABLE = "unreadable"


SENTENCES: Final[dict[ArchiveProblem, str]] = {
    ArchiveProblem.FILE_EMPTY: N_(
        "%(file)s is empty, so the download did not work: please download the archive from X again."
    ),
    ArchiveProblem.ZIP_TRUNCATED: N_(
        "%(file)s was not downloaded to its end: please download the archive from X again."
    ),
    ArchiveProblem.ZIP_BROKEN: N_(
        "%(file)s is damaged: please download the archive from X again, "
        "or unpack it and choose the other files."
    ),
    ArchiveProblem.ZIP_SPLIT: N_(
        "%(file)s is one piece of a ZIP in several pieces: please join or unpack them, "
        "and choose the .js files of the data folder."
    ),
    ArchiveProblem.ZIP_METHOD: N_(
        "%(file)s is packed in a way that we cannot open: please unpack it, "
        "and choose the .js files of its data folder."
    ),
    ArchiveProblem.ZIP_TOO_MANY_FILES: N_(
        "%(file)s holds more files than any archive from X: please unpack it, "
        "and choose the .js files of its data folder."
    ),
    ArchiveProblem.ZIP_ENCRYPTED: N_(
        "%(file)s is locked with a password, so we cannot look inside: "
        "please unpack it first and choose the .js files of its data folder."
    ),
    ArchiveProblem.ZIP_NESTED: N_(
        "%(file)s holds another ZIP instead of an archive: please unpack it and choose the ZIP inside."
    ),
    ArchiveProblem.ZIP_BOMB: N_(
        "%(file)s unpacks to far more than an archive from X ever does, so we stopped: "
        "please use the ZIP exactly as X sent it."
    ),
    ArchiveProblem.NOT_A_ZIP: N_(
        "%(file)s is not a ZIP file: please choose the archive that X sent you, "
        "whose name begins with “twitter-”, as it came."
    ),
    ArchiveProblem.NOTHING_CHOSEN: N_(
        "No file was chosen: please choose the ZIP that X sent you, or following.js out of it."
    ),
    ArchiveProblem.NOT_A_ZIP_PACKED: N_(
        "%(file)s is packed in a way that we cannot open: please unpack it, "
        "and choose the .js files of its data folder."
    ),
    ArchiveProblem.NOT_A_ZIP_PAGE: N_(
        "%(file)s is a web page, not the archive itself: please download the ZIP from X, and choose that."
    ),
    ArchiveProblem.UNSAFE_PATH: N_(
        "%(file)s holds file names that point outside of it, which an archive from X never does: "
        "please use the ZIP exactly as X sent it."
    ),
    ArchiveProblem.TOO_LARGE: N_(
        "%(file)s is larger than we can read: "
        "please choose only following.js from the data folder of your archive."
    ),
    ArchiveProblem.TOO_MANY_ROWS: N_(
        "%(file)s names more people than we can take at once: please leave that list out and try the others."
    ),
    ArchiveProblem.NO_ASSIGNMENT: N_(
        "%(file)s does not begin the way X writes it, its first line is missing: "
        "please take it fresh from the ZIP of X, "
        "or leave it out if it is like that in there."
    ),
    ArchiveProblem.WRONG_PREFIX: N_(
        "%(file)s does not begin the way X writes it, so it was changed or is another file: "
        "please take it fresh from the ZIP of X, "
        "or leave it out if it is like that in there."
    ),
    ArchiveProblem.NOT_JSON: N_(
        "%(file)s breaks off or is damaged inside: please take it fresh from the ZIP of X, "
        "or leave it out if it is like that in there."
    ),
    ArchiveProblem.WRONG_SHAPE: N_(
        "%(file)s does not hold what X writes there, so we will not guess who is meant: "
        "please take it fresh from the ZIP of X, "
        "or leave it out if it is like that in there."
    ),
    ArchiveProblem.ROW_TOO_LONG: N_(
        "%(file)s holds an entry far longer than X writes: please take it fresh from the ZIP of X, "
        "or leave it out if it is like that in there."
    ),
    ArchiveProblem.NUMBERS_FOR_STRINGS: N_(
        "%(file)s was rewritten by a program that rounds account numbers, so they may mean somebody else: "
        "please take it fresh from your archive."
    ),
    ArchiveProblem.BAD_ID: N_(
        "%(file)s holds an account number that X never gives, so we will not guess who is meant: "
        "please take it fresh from the ZIP of X, "
        "or leave it out if it is like that in there."
    ),
    ArchiveProblem.CSV_ERA: N_(
        "%(file)s is an archive from before 2019, which did not hold the people you followed: "
        "please ask X for a new one."
    ),
    ArchiveProblem.LOOK_ALIKE: N_(
        "%(file)s holds requests or lists, not the people you follow: please choose following.js instead."
    ),
    ArchiveProblem.SEVERAL_ARCHIVES: N_(
        "%(file)s mixes files of more than one archive: please choose those of one, then those of the next."
    ),
    ArchiveProblem.SAME_FILE_TWICE: N_(
        "%(file)s is there twice: please keep one of the two, and choose again."
    ),
    ArchiveProblem.TWO_ACCOUNTS: N_(
        "These are archives of different accounts, %(file)s: please choose the files of one, then those of the next."
    ),
    ArchiveProblem.UTF16: N_(
        "%(file)s was saved again by a program, in another encoding (UTF-16): "
        "please take it fresh from your archive."
    ),
    ArchiveProblem.NO_FOLLOW_LIST: N_(
        "%(file)s holds no list of people: please choose the whole archive from X, "
        "or following.js from its data folder."
    ),
    ArchiveProblem.NOT_FOUND: N_("There is no %(file)s: please check the name and the folder."),
    ArchiveProblem.UNREADABLE: N_(
        "%(file)s could not be read: please check that you may open it, or copy it elsewhere and try again."
    ),
}


class ArchiveError(DirectoryError):
    """An archive cannot be read; nothing was changed.

    `code` is stable, `file` the name to show (shortened, without control characters).
    """

    def __init__(self, code: ArchiveProblem, file: str) -> None:
        self.code = code
        self.file = shown_name(file)
        super().__init__(unmarked(filled(SENTENCES[code], {"file": self.file})))


def shown_name(name: str) -> str:
    """Makes `name` one printable line of bounded length; a long one keeps its end."""
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name[-4096:])
    if len(printable) > MAX_SHOWN_NAME_CHARS:
        printable = "…" + printable[1 - MAX_SHOWN_NAME_CHARS :]
    return printable or "?"
