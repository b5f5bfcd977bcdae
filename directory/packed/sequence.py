"""Holds many values as a few large blocks of bytes.

A value of this directory is up to twenty small objects. A list of a hundred thousand of them takes tens of megabytes, which
Python cannot give back afterwards: each megabyte of it holds something small by then that is still in use. A large block goes
back to the system whole.
"""

from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, ClassVar, Final, Generic, TypeVar, overload

import msgspec

T = TypeVar("T")

_encoder: Final = msgspec.msgpack.Encoder()


class Packed(ABC, Sequence[T], Generic[T]):
    """Values of one type, packed one after the other. Each access makes the value anew: read it once, in order.

    Up to `FEW` values are held as they are: to pack them and make them anew takes longer than the rest that is done with them.
    """

    __slots__ = ("_bytes", "_ends", "_few")

    FEW: ClassVar[int] = 0

    def __init__(self, values: Iterable[T] = ()) -> None:
        self._bytes = bytearray()
        self._ends = array("Q")
        self._few: list[T] | None = []
        self.extend(values)

    @staticmethod
    @abstractmethod
    def _taken_apart(value: T) -> tuple[Any, ...]:
        """Returns what a value consists of: numbers, texts, days, times, and tuples of these."""

    @staticmethod
    @abstractmethod
    def _made_of(packed: bytearray) -> T:
        """Returns the value that `_taken_apart` took apart."""

    def extend(self, values: Iterable[T]) -> None:
        """Takes more values; packs them, and those before, once they are not few."""
        if self._few is not None:
            values = iter(values)
            self._few.extend(islice(values, self.FEW + 1 - len(self._few)))
            if len(self._few) <= self.FEW:
                return
            values, self._few = chain(self._few, values), None
        packed, ends, taken_apart, encode = self._bytes, self._ends, self._taken_apart, _encoder.encode
        for value in values:
            packed += encode(taken_apart(value))
            ends.append(len(packed))

    def __len__(self) -> int:
        return len(self._ends) if self._few is None else len(self._few)

    def __iter__(self) -> Iterator[T]:
        return self._between(0, len(self)) if self._few is None else iter(self._few)

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> list[T]: ...
    def __getitem__(self, at: int | slice) -> T | list[T]:
        if self._few is not None:
            return self._few[at]
        if isinstance(at, int):
            number = range(len(self))[at]
            return next(self._between(number, number + 1))
        first, end, step = at.indices(len(self))
        if step == 1:
            return list(self._between(first, max(first, end)))
        return [self[number] for number in range(first, end, step)]

    def _between(self, first: int, stop: int) -> Iterator[T]:
        packed, made_of = self._bytes, self._made_of
        start = self._ends[first - 1] if first else 0
        for end in self._ends[first:stop]:
            yield made_of(packed[start:end])
            start = end
