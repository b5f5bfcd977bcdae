"""Scripts are served joined with what they import: each module once, in a browser's order, and nothing that cannot be joined."""

import json
import re
import subprocess
from collections.abc import Mapping

import pytest

from tests.harness.node import node_path
from web.joined_scripts import UnlikeScript, join_script, list_entries
from web.static_files import STATIC_FOLDER, static_files

TRACE = {
    "js/start.js": 'import { b } from "./folder/b.js";\nimport "./a.js";\nglobalThis.told.push(b());\n',
    "js/a.js": 'import {\n  c,\n  D,\n} from "./folder/c.js";\nglobalThis.told.push("a", c, new D().e);\n',
    "js/folder/b.js": 'import { c, n } from "./c.js";\nconst own = 1;\nexport function b() {\n  return ["b", c, own, [...n()]];\n}\n',
    "js/folder/c.js": 'globalThis.told.push("once");\nconst own = 2;\nexport const c = "c";\nexport class D {\n  e = own;\n}\nexport function* n() {\n  yield own;\n}\n',
}


def run(script: str) -> object:
    """Runs a script, and returns what it has told."""
    told = f"globalThis.told = [];\n{script}\nconsole.log(JSON.stringify(globalThis.told));\n"
    ran = subprocess.run(
        [node_path(), "--input-type=module", "-"],
        input=told,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(ran.stdout)


def test_a_joined_script_does_what_its_modules_do_each_once() -> None:
    assert run(join_script("js/start.js", TRACE)) == ["once", "a", "c", 2, ["b", "c", 1, [2]]]


def test_the_scripts_of_pages_and_workers_are_joined() -> None:
    """Those that pages name are imported by none, so that a page is one request, and the worker that reads an archive another."""
    scripts = {path for path in static_files() if path.startswith("js/")}
    sources = {path: (STATIC_FOLDER / path).read_text() for path in scripts}
    entries = list_entries(sources)
    assert {"js/home.js", "js/results.js", "js/drop-place.js", "js/archive/worker.js"} <= set(entries)
    for path in scripts:
        served = static_files()[path].content.decode()
        if path in entries:
            assert not re.search(r"^(import|export)\b", served, re.MULTILINE), path
            for name in re.findall(r'new URL\("([^"]+)", import', served):
                assert name == "./archive/worker.js"
        else:
            assert served == sources[path]


@pytest.mark.parametrize(
    "unlike",
    [
        'import start from "./a.js";\n',
        'import * as all from "./a.js";\n',
        'import { c as d } from "./a.js";\n',
        'import "https://elsewhere.example/a.js";\n',
        'import "a.js";\n',
        'const a = await import("./a.js");\n',
        "export default 1;\n",
        "export { c };\n",
        "export let c = 1;\n",
        "const here = import.meta.url;\n",
        "const module1 = 1;\n",
    ],
)
def test_what_cannot_be_joined_is_refused(unlike: str) -> None:
    with pytest.raises(UnlikeScript):
        join_script("js/start.js", {"js/start.js": unlike, "js/a.js": "export const c = 1;\n"})


@pytest.mark.parametrize("others", [{"js/a.js": 'import "./start.js";\n'}, {"js/a.js": 'import "./a.js";\n'}])
def test_a_script_that_imports_itself_is_refused(others: Mapping[str, str]) -> None:
    with pytest.raises(UnlikeScript, match="imports itself"):
        join_script("js/start.js", {"js/start.js": 'import "./a.js";\n', **others})


def test_an_import_of_nothing_is_told() -> None:
    with pytest.raises(KeyError, match=r"js/gone\.js"):
        join_script("js/start.js", {"js/start.js": 'import "./gone.js";\n'})
