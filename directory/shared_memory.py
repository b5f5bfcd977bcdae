"""Makes memory that processes share: a file without a name, which children inherit."""

import os
import tempfile


def make_shared_file(name: str, size: int) -> int:
    """Makes a file of so many bytes, all 0, in memory where the system has that. Returns its descriptor."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create(name)
    else:
        with tempfile.TemporaryFile() as made:
            file = os.dup(made.fileno())
    os.ftruncate(file, size)
    return file
