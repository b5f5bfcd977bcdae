"""Reads and writes all secret files. Trusted: whoever can read or replace them can sign as this instance and act for
its members.

`SecretFolder` has the operations; `checks` has what is checked at every read and every write, also as root.
"""

from directory.secret_files.checks import MissingSecret, SecretFileError, UnsafeSecret
from directory.secret_files.folder import SecretFolder
from directory.secret_files.reading import MAX_SECRET_BYTES
from directory.secret_files.steps import sync_folder

__all__ = [
    "MAX_SECRET_BYTES",
    "MissingSecret",
    "SecretFileError",
    "SecretFolder",
    "UnsafeSecret",
    "sync_folder",
]
