"""Collects a program's output, not in the data folder: it may have to hold "No space left on device"."""

import os
import tempfile
from typing import IO, Self

MAX_OUTPUT_BYTES = 8 * 1024


class Output:
    """An unnamed file that programs write to, removed when the last of them closes it."""

    def __init__(self) -> None:
        self.file: IO[bytes] = _unnamed_file()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def text(self) -> str:
        """Returns the end of what was written."""
        fd = self.file.fileno()
        start = max(0, os.fstat(fd).st_size - MAX_OUTPUT_BYTES)
        return os.pread(fd, MAX_OUTPUT_BYTES, start).decode("utf-8", "replace").strip()


def _unnamed_file() -> IO[bytes]:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("passerelle-postgres"), "w+b")
    return tempfile.TemporaryFile()
