"""The databases of a process: one that it writes to, and those that answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from directory.store.database import Database
from directory.store.reading import Readable
from directory.store.reads import ReadDatabase
from directory.store.replicas import Replica


@dataclass(frozen=True, slots=True)
class Databases:
    """The primary, and what answers are read from where it is not the primary."""

    primary: Database
    reads: ReadDatabase | None = None

    @property
    def answering(self) -> Readable:
        """What lookups and lists are read from."""
        return self.reads or self.primary

    @property
    def replicas(self) -> Sequence[Replica]:
        """The replicas that answers are read from; none where the primary is read."""
        return () if self.reads is None else self.reads.replicas
