"""What a web process is told by its parent, in one line on its standard input: not on its command line, which everybody may
read."""

from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import msgspec

from directory.operator_texts import OperatorTexts
from directory.settings import Settings


class OtherVersion(Exception):
    """Another version was installed since the parent started."""


class _Versioned(msgspec.Struct):
    """What can be read of any version's line."""

    version: str = ""


class Handoff(msgspec.Struct, frozen=True):
    """The settings and the database, the files that the child inherits, and which of the processes it is. `secret` keys the
    hashes of callers: it is as old as the parent, and stored nowhere. The operator's texts are those of the start: a process that is started
    again shows no others than those beside it."""

    version: str
    settings: Settings
    dsn: str
    number: int
    listener: int
    control: int
    counts: int
    waiting: int
    secret: bytes
    texts: OperatorTexts

    def to_line(self) -> bytes:
        return msgspec.json.encode(self, enc_hook=_write_path) + b"\n"

    @classmethod
    def read(cls, line: bytes) -> Self:
        """Raises OtherVersion where the parent has not migrated the database for this one, msgspec.ValidationError for what no
        parent wrote."""
        theirs, ours = msgspec.json.decode(line, type=_Versioned).version, own_version()
        if theirs != ours:
            raise OtherVersion(f"Passerelle {theirs or 'of before'} runs, and {ours} is installed since")
        return msgspec.json.decode(line, type=cls, dec_hook=_read_path)


def own_version() -> str:
    """Returns the version that is installed."""
    return version("passerelle")


def _write_path(value: object) -> Any:
    if not isinstance(value, Path):
        raise NotImplementedError(type(value))
    return str(value)


def _read_path(kind: type, value: object) -> Path:
    if kind is not Path:
        raise NotImplementedError(kind)
    return Path(str(value))
