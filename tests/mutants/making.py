"""Makes the mutants of a source: one change each, with a name that does not depend on line numbers."""

import ast
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Final

import libcst as cst
from libcst.metadata import MetadataWrapper

from tests.mutants.names import Mutant, MutantName
from tests.mutants.operators import OPERATORS

UNCHANGED: Final = (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom)
"""What no mutant changes inside: types and the way a class is made are the checker's."""


def make_mutants(source: str) -> list[Mutant]:
    """Makes all mutants of a source, in its order. What does not compile, or means the same, is left out."""
    seen, counted = {_meaning(source)}, Counter[tuple[str, str, str]]()
    mutants = []
    for function, mutated in _changed_sources(MetadataWrapper(cst.parse_module(source)).module):
        meaning = _meaning(mutated)
        if meaning is None or meaning in seen:
            continue
        seen.add(meaning)
        key = (function, *_difference(source, mutated))
        counted[key] += 1
        mutants.append(Mutant(MutantName(*key, nth=counted[key]), mutated))
    return mutants


def _changed_sources(module: cst.Module) -> Iterator[tuple[str, str]]:
    """Yields each change as the function that it stands in, and the source with it.

    Only the statement that changes is written anew, as the whole would take ten times as long.
    """
    whole, texts = module.code, [module.code_for_node(statement) for statement in module.body]
    at = whole.index("".join(texts))
    for statement, text in zip(module.body, texts, strict=True):
        visitor = _Changes()
        statement.visit(visitor)
        for function, node, changed in visitor.found:
            replaced = statement.deep_replace(node, changed)
            assert isinstance(replaced, cst.CSTNode)
            yield function, whole[:at] + module.code_for_node(replaced) + whole[at + len(text) :]
        at += len(text)


class _Changes(cst.CSTVisitor):
    """Collects each change with the function that it stands in."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, cst.CSTNode, cst.CSTNode]] = []
        self._within: list[str] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self._within.append(node.name.value)
        if isinstance(node, UNCHANGED) or _is_docstring(node):
            return False
        if isinstance(node, cst.ClassDef):
            node.body.visit(self)  # and not its bases and keywords
            return False
        function = ".".join(self._within) or "module"
        self.found += [(function, node, changed) for changed in _changes_of(node)]
        return not isinstance(node, cst.Raise)  # the words of an error are for people

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.FunctionDef | cst.ClassDef):
            self._within.pop()


def _changes_of(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for kind, change in OPERATORS:
        if isinstance(node, kind):
            yield from change(node)


def _is_docstring(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Expr) and isinstance(node.value, cst.SimpleString)


def _meaning(source: str) -> str | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(source, "mutant", "exec")
        except SyntaxError:
            return None
        return ast.dump(ast.parse(source))


def _difference(one: str, other: str) -> tuple[str, str]:
    """Returns the lines of each that differ, joined to one line."""
    before, after = one.splitlines(), other.splitlines()
    while before and after and before[0] == after[0]:
        del before[0], after[0]
    while before and after and before[-1] == after[-1]:
        del before[-1], after[-1]
    return _joined(before), _joined(after)


def _joined(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines if line.strip())
