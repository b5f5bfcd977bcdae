"""The state of our own log: staged, then signed, then published."""

from dataclasses import dataclass
from datetime import datetime

from federation.errors import LogRefused, Malformed
from federation.tlog.checkpoint import Checkpoint, parse_signed_checkpoint


@dataclass(frozen=True, slots=True)
class LogState:
    """The state row. `staged` is durable before it is signed, so that no size is ever signed with two roots."""

    origin: str
    staged: Checkpoint
    staged_at: datetime
    issued_at: datetime
    """The newest `issued` of the bodies that were staged."""
    signed: bytes | None
    """The last signed checkpoint, a note; None before the first."""
    published: bytes | None
    published_size: int
    ingested_size: int
    """Leaves below it were taken into the answers."""

    @property
    def signed_size(self) -> int:
        """The size of the last signed checkpoint. Raises LogRefused."""
        return 0 if self.signed is None else read_own_checkpoint(self.signed).size

    @property
    def is_signed(self) -> bool:
        """Whether what is staged is signed. Raises LogRefused where the two contradict each other."""
        if self.signed is None:
            return self.staged.size == 0
        signed = read_own_checkpoint(self.signed)
        if signed.size > self.staged.size or (signed.size == self.staged.size and signed != self.staged):
            raise LogRefused(
                f"the last signed checkpoint has size {signed.size} and is not the tree that is kept, of size"
                f" {self.staged.size}"
            )
        return signed.size == self.staged.size

    @property
    def is_published(self) -> bool:
        """Whether all that is signed is published and taken in. The trees are compared: a line more on a note, such as a
        witness's, makes it no other checkpoint. Raises LogRefused."""
        return _tree(self.published) == _tree(self.signed) and self.ingested_size == self.published_size


def _tree(note: bytes | None) -> Checkpoint | None:
    return None if note is None else read_own_checkpoint(note)


def read_own_checkpoint(note: bytes) -> Checkpoint:
    """Parses a checkpoint of our own from the database, verifying nothing. Raises LogRefused."""
    try:
        return parse_signed_checkpoint(note)[0]
    except Malformed as error:
        raise LogRefused(f"the checkpoint in the database is not one: {error}") from error
