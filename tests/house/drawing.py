"""The house as the imports draw it: which room imports which, at every level."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

CODE: Final = Path(__file__).parents[2]
ROOTS: Final = ("deploy", "admin", "web", "federation", "directory")

Module = tuple[str, ...]
Graph = Mapping[str, frozenset[str]]


def read_imports(code: Path = CODE, roots: tuple[str, ...] = ROOTS) -> set[tuple[Module, Module]]:
    """Every import of one file of ours by another, by the parts of their names."""
    files = {_module_of(path, code): path for root in roots for path in (code / root).rglob("*.py")}
    return {
        (module, imported)
        for module, path in files.items()
        for name in _names_in(path)
        if (imported := _file_of(name, files)) is not None and imported != module
    }


def draw(imports: set[tuple[Module, Module]], inside: Module = ()) -> Graph:
    """The rooms below `inside`, files and folders, and what each imports of the others."""
    rooms: defaultdict[str, set[str]] = defaultdict(set)
    depth = len(inside)
    for importing, imported in imports:
        if importing[:depth] != inside or len(importing) <= depth:
            continue
        rooms[importing[depth]] |= set()
        if imported[:depth] == inside and len(imported) > depth and imported[depth] != importing[depth]:
            rooms[importing[depth]].add(imported[depth])
            rooms[imported[depth]] |= set()
    return {room: frozenset(others) for room, others in rooms.items()}


def folders_of(imports: set[tuple[Module, Module]]) -> set[Module]:
    """Every folder that holds a file that imports or is imported, the top among them."""
    return {module[:depth] for pair in imports for module in pair for depth in range(len(module))}


def folders_below(code: Path = CODE, roots: tuple[str, ...] = ROOTS) -> list[Module]:
    """Every folder below the roots that holds a Python file, and the top, told by the names of the files alone."""
    parents = [path.relative_to(code).parent.parts for root in roots for path in (code / root).rglob("*.py")]
    return sorted({parts[:depth] for parts in parents for depth in range(len(parts) + 1)})


def find_circle(graph: Graph) -> list[str]:
    """A circle of rooms that import each other; empty where imports go one way."""
    left = dict(graph)
    while free := [room for room, others in left.items() if not others & left.keys()]:
        for room in free:
            del left[room]
    return sorted(left)


def only_the_longest_ways(graph: Graph) -> Graph:
    """The same without arrows that a longer way tells already, so that a person can read it."""
    reached = {room: _reach(graph, room) for room in graph}
    return {
        room: frozenset(
            other for other in others if not any(other in reached[between] for between in others - {other})
        )
        for room, others in graph.items()
    }


def mermaid(graph: Graph) -> str:
    """A drawing that code hosts show as a picture; an arrow points to what is imported."""
    lines = [f"    {room} --> {other}" for room in sorted(graph) for other in sorted(graph[room])]
    return "\n".join(["```mermaid", "graph TD", *lines, "```"])


def _reach(graph: Graph, start: str) -> set[str]:
    found: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        room = waiting.pop()
        if room not in found:
            found.add(room)
            waiting += graph[room]
    return found


def _module_of(path: Path, code: Path) -> Module:
    parts = path.relative_to(code).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def _names_in(path: Path) -> Iterator[Module]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((*node.module.split("."), alias.name) for alias in node.names)


def _file_of(name: Module, files: Mapping[Module, Path]) -> Module | None:
    """The file that a name is in: `from a import b` names the file a/b, or something in the file a."""
    return next((name[:length] for length in range(len(name), 0, -1) if name[:length] in files), None)
