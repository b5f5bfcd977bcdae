"""Secret files: all of them are read and written here. Trusted: whoever can read or exchange them can sign as this
instance and act for its members.

`SecretFolder` has the operations; `checks` is what holds at every read and every write, also as root.
"""

from directory.secret_files.checks import MissingSecret, SecretFileError, UnsafeSecret
from directory.secret_files.folder import SecretFolder
from directory.secret_files.steps import sync_folder

__all__ = [
    "MissingSecret",
    "SecretFileError",
    "SecretFolder",
    "UnsafeSecret",
    "sync_folder",
]
