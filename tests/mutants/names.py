"""Names mutants. Apart from what makes them, which loads a parser that few need."""

import msgspec


class MutantName(msgspec.Struct, frozen=True, order=True):
    """Names a mutant by its function and the text that changed, on one line; empty where there is none."""

    function: str
    before: str
    after: str
    nth: int = 1
    """Which one, from 1, where the function holds the same text more than once."""

    def __str__(self) -> str:
        which = f" (no. {self.nth})" if self.nth > 1 else ""
        return f"{self.function}{which}: {self.before or 'nothing'} -> {self.after or 'nothing'}"


class Mutant(msgspec.Struct, frozen=True):
    """A name, and the whole source with the change."""

    name: MutantName
    source: str
