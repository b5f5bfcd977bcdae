"""What all web processes of a machine have in common; a process alone has it for itself."""

from dataclasses import dataclass, field

from directory.operator_texts import OperatorTexts, read_operator_texts
from directory.settings import Settings
from web.middleware.counting import Counting


@dataclass(frozen=True, slots=True)
class Common:
    """How callers are counted, and the operator's texts as they were at the start."""

    texts: OperatorTexts
    counting: Counting = field(default_factory=Counting)

    @classmethod
    def alone(cls, settings: Settings) -> "Common":
        """Returns what a process has by itself. Raises InvalidSettings."""
        return cls(read_operator_texts(settings))
