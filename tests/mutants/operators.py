"""The changes that are tried: those of mutmut, and those that it lacks.

mutmut changes operators, numbers, arguments, assigned values and cases of a `match`. Here statements are left out as
well, conditions turned or halved, guards dropped, and SQL is changed like the rest.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import libcst as cst
from mutmut.mutation.mutators import (
    mutation_operators,
    operator_arg_removal,
    operator_number,
    operator_string,
)

Operator = tuple[type, Callable[[Any], Iterable[cst.CSTNode]]]

NOTHING: Final = cst.SimpleWhitespace("")
_OPPOSITES: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}
_SQL: Final = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|WHERE|AND|JOIN|CASE)\b")
_SQL_SWAPS: Final = (
    (r"\bAND\b", "OR"),
    (r"\bOR\b", "AND"),
    (r"\bIS NULL\b", "IS NOT NULL"),
    (r"\bIS NOT NULL\b", "IS NULL"),
    (r"\bNOT ", ""),
    (r"(?<=[^<>!])<=", "<"),
    (r"(?<=[^<>!])>=", ">"),
    (r" < ", " <= "),
    (r" > ", " >= "),
    (r" = ", " <> "),
    (r"\bIS (NOT )?DISTINCT FROM\b", "="),
    (r"\bDESC\b", ""),
    (r"\bUNION\b", "EXCEPT"),
    (r" FOR (NO KEY )?UPDATE\b", ""),
)


def _number(node: cst.BaseNumber) -> Iterator[cst.CSTNode]:
    yield from operator_number(node)
    if isinstance(node, cst.Integer) and node.evaluated_value > 0:
        yield node.with_changes(value=str(node.evaluated_value - 1))


def _string(node: cst.SimpleString) -> Iterator[cst.CSTNode]:
    if _SQL.search(node.value):
        yield from (node.with_changes(value=changed) for changed in _changed_sql(node.value))
    else:
        yield next(iter(operator_string(node)), node)


def _formatted_text(node: cst.FormattedStringText) -> Iterator[cst.CSTNode]:
    if _SQL.search(node.value):
        yield from (node.with_changes(value=changed) for changed in _changed_sql(node.value))


def _changed_sql(text: str) -> Iterator[str]:
    for pattern, other in _SQL_SWAPS:
        for found in re.finditer(pattern, text):
            yield text[: found.start()] + other + text[found.end() :]


def _argument(node: cst.Call) -> Iterator[cst.CSTNode]:
    """Changes an argument to None, and leaves it out where it is named: without another it is a TypeError anyway."""
    for at, arg in enumerate(node.args):
        if not arg.star:
            yield node.with_changes(
                args=[*node.args[:at], arg.with_changes(value=cst.Name("None")), *node.args[at + 1 :]]
            )
        if arg.keyword is not None:
            yield node.with_changes(args=_without_comma([*node.args[:at], *node.args[at + 1 :]]))


def _without_comma(args: list[cst.Arg]) -> list[cst.Arg]:
    return [*args[:-1], args[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)] if args else []


def _left_out(node: cst.Raise | cst.AugAssign | cst.Continue) -> Iterator[cst.CSTNode]:
    yield cst.Pass()


def _left_out_call(node: cst.Expr) -> Iterator[cst.CSTNode]:
    if isinstance(node.value, cst.Call | cst.Await):
        yield cst.Pass()


def _returned_nothing(node: cst.Return) -> Iterator[cst.CSTNode]:
    if node.value is not None:
        yield node.with_changes(value=cst.Name("None"), whitespace_after_return=cst.SimpleWhitespace(" "))


def _turned(node: cst.If | cst.While | cst.IfExp) -> Iterator[cst.CSTNode]:
    yield node.with_changes(test=_negated(node.test))


def _halved(node: cst.BooleanOperation) -> Iterator[cst.CSTNode]:
    for half in (node.left, node.right):
        yield half.with_changes(lpar=[*node.lpar, *half.lpar], rpar=[*half.rpar, *node.rpar])


def _unguarded(node: cst.MatchCase) -> Iterator[cst.CSTNode]:
    if node.guard is not None:
        yield node.with_changes(guard=None, whitespace_before_if=NOTHING, whitespace_after_if=NOTHING)
        yield node.with_changes(guard=_negated(node.guard))


def _unfiltered(node: cst.CompFor) -> Iterator[cst.CSTNode]:
    for at, part in enumerate(node.ifs):
        yield node.with_changes(ifs=[*node.ifs[:at], *node.ifs[at + 1 :]])
        yield node.with_changes(
            ifs=[*node.ifs[:at], part.with_changes(test=_negated(part.test)), *node.ifs[at + 1 :]]
        )


def _opposite_call(node: cst.Call) -> Iterator[cst.CSTNode]:
    if isinstance(node.func, cst.Name) and node.func.value in _OPPOSITES:
        yield node.with_changes(func=cst.Name(_OPPOSITES[node.func.value]))


def _negated(test: cst.BaseExpression) -> cst.BaseExpression:
    inner = test.with_changes(lpar=[cst.LeftParen(), *test.lpar], rpar=[*test.rpar, cst.RightParen()])
    return cst.UnaryOperation(cst.Not(), inner)


_REPLACED: Final = {operator_arg_removal, operator_number, operator_string}
OPERATORS: Final[Sequence[Operator]] = (
    *(each for each in mutation_operators if each[1] not in _REPLACED),
    (cst.Call, _argument),
    (cst.BaseNumber, _number),
    (cst.SimpleString, _string),
    (cst.FormattedStringText, _formatted_text),
    (cst.Raise, _left_out),
    (cst.AugAssign, _left_out),
    (cst.Continue, _left_out),
    (cst.Expr, _left_out_call),
    (cst.Return, _returned_nothing),
    (cst.If, _turned),
    (cst.While, _turned),
    (cst.BooleanOperation, _halved),
    (cst.MatchCase, _unguarded),
    (cst.CompFor, _unfiltered),
    (cst.Call, _opposite_call),
)
