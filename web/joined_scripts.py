"""Joins a script with all that it imports, so that a page is one request and not one for each module, some after others.

Our scripts are written as modules of one idea each. Each is joined as a function that returns what the module exports, in the order
in which a browser would run them, and once, whoever imports it. What is written in another way than they are is refused.
"""

import posixpath
import re
from collections.abc import Mapping
from typing import Final

_NAMES: Final = r"\{(\s*\w+(?:,\s*\w+)*,?\s*)\}"
_IMPORT: Final = re.compile(rf'^import (?:{_NAMES} from )?"(\.{{1,2}}/[^"]+)";$', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?(?:function\*?|class|const) (\w+))", re.MULTILINE)
_OWN_PLACE: Final = re.compile(r'\bnew URL\("(\.{1,2}/[^"]+)", import\.meta\.url\)')
_UNLIKE: Final = re.compile(
    r"^(?:import|export)\b.*$|\bimport\.meta(?!\.url\))|\bawait import\(|\bmodule\d+\b", re.MULTILINE
)


class UnlikeScript(ValueError):
    """A script imports or exports in a way that cannot be joined."""


def list_entries(sources: Mapping[str, str]) -> list[str]:
    """Lists the scripts that no other imports: those that pages and workers begin with."""
    imported = {
        _place_of(found[2], path) for path, source in sources.items() for found in _IMPORT.finditer(source)
    }
    return sorted(sources.keys() - imported)


def join_script(path: str, sources: Mapping[str, str]) -> str:
    """Joins the script at a path with what it imports, directly or through others. `sources` are all scripts, by their paths.

    What the script exports itself, it does not export any more: nobody imports a joined script. Raises UnlikeScript; KeyError for
    an import of what is not there.
    """
    return _Joined(path, sources).text()


def _place_of(name: str, importer: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), name))


class _Joined:
    def __init__(self, path: str, sources: Mapping[str, str]) -> None:
        self._path = path
        self._sources = sources
        self._modules: dict[str, str] = {}
        """The name of each module that stands in the text already."""
        self._parts: list[str] = []

    def text(self) -> str:
        self._add(self._path, ())
        return "".join(self._parts)

    def _add(self, path: str, importers: tuple[str, ...]) -> str:
        if path in importers:
            raise UnlikeScript(f"{path} imports itself, through {importers[-1]}")
        if path not in self._modules:
            body = self._written(path, (*importers, path))
            name = f"module{len(self._modules)}"
            self._modules[path] = name
            exported = ", ".join(_EXPORT.findall(self._sources[path]))
            self._parts.append(
                f"// {path}\nconst {name} = (() => {{\n{body}\nreturn {{ {exported} }};\n}})();\n"
            )
        return self._modules[path]

    def _written(self, path: str, importers: tuple[str, ...]) -> str:
        """Writes the inside of a module, after all that it imports."""

        def imported(found: re.Match[str]) -> str:
            module = self._add(_place_of(found[2], path), importers)
            return f"const {{{found[1]}}} = {module};" if found[1] else ""

        def placed(found: re.Match[str]) -> str:
            place = posixpath.relpath(_place_of(found[1], path), posixpath.dirname(self._path))
            return f'new URL("./{place}", import.meta.url)'

        source = _EXPORT.sub("", self._sources[path])
        if unlike := _UNLIKE.search(_IMPORT.sub("", source)):
            raise UnlikeScript(f"{path} cannot be joined: {unlike[0]}")
        return _OWN_PLACE.sub(placed, _IMPORT.sub(imported, source))
