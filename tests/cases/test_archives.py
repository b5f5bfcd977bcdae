"""Every reader of archives answers the rows of `archives.jsonl` alike."""

import ast
import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from litestar.datastructures import UploadFile
from playwright.async_api import Browser

import directory
from deploy.cli.match import read_given
from directory.archive import NOTICE_SENTENCES, Archive, ArchiveError, ArchiveProblem, Notice
from directory.archive.problems import SENTENCES
from tests.cases.archives import Case, Outcome, load_cases, write_case
from tests.harness.browser import chromium_fixture
from tests.web.drop_page import serve_drop_page
from web.language import translate
from web.pages.results_form import Action, ResultsForm
from web.pages.selection import View
from web.pages.uploads import read_people, read_sent

CASES: Final = load_cases()
ROOT: Final = Path(directory.__file__).parent.parent
READERS: Final = {
    "browser": {"web/static/js/archive/worker.js"},
    "form": {"web/pages/uploads.py", "web/pages/results.py"},
    "members": {"web/pages/follow.py", "web/pages/kept_list.py"},
    "match": {"deploy/cli/match.py"},
}
"""The doors of the table, each with the modules that read there."""
READS: Final = {"read_archive", "read_sent", "read_people", "read_given"}
"""What reads an archive that somebody gave."""
BROWSER_TIMEOUT_MS: Final = 60_000

chromium = chromium_fixture()


def cases_of(door: str) -> list[Case]:
    return [case for case in CASES if door in case.doors]


def said(read: Callable[[], Archive | None]) -> Outcome:
    try:
        archive = read()
    except ArchiveError as error:
        return Outcome((error.code, error.file))
    assert archive is not None
    owner = archive.owner
    return Outcome(
        (),
        tuple(map(str, archive.people)),
        f"{owner.x_id},{owner.x_handle or ''}" if owner else "",
        tuple(sorted(archive.notices)),
        archive.skipped.rows,
        archive.left_out,
    )


@pytest.mark.parametrize("case", cases_of("match"), ids=lambda case: case.case)
def test_the_command_line(case: Case, tmp_path: Path) -> None:
    write_case(case, tmp_path / "given")
    given = sorted({tmp_path / "given" / each["path"].split("/")[0] for each in case.give})
    assert said(lambda: read_given(given)) == case.outcome


@contextmanager
def sent(case: Case, folder: Path) -> Iterator[ResultsForm]:
    """The form that a browser without script sends."""
    write_case(case, folder)
    uploads = []
    for each in sorted(case.give, key=lambda each: str(each["path"])):
        upload = UploadFile("application/octet-stream", each["path"])
        upload.file.close()
        upload.file = (folder / each["path"]).open("rb")
        uploads.append(upload)
    try:
        yield ResultsForm([], False, uploads, True, 0, 1, View(), Action.SHOW, frozenset(), frozenset())
    finally:
        for upload in uploads:
            upload.file.close()


@pytest.mark.parametrize("case", cases_of("form"), ids=lambda case: case.case)
def test_the_form_without_script(case: Case, tmp_path: Path) -> None:
    with sent(case, tmp_path / "given") as form:
        assert said(lambda: asyncio.run(read_sent(form))) == case.outcome


@pytest.mark.parametrize("case", cases_of("members"), ids=lambda case: case.case)
def test_the_forms_of_members(case: Case, tmp_path: Path) -> None:
    """The plan of follows and the kept list: the same people, and a sentence for each notice, in their language."""
    with sent(case, tmp_path / "given") as form:
        error, people, notices = told(form)
    assert (error, people) == (case.outcome.error, case.outcome.people)
    assert len(notices) == len(set(case.outcome.notices) - {"nobody"})
    assert not set(notices) & set(NOTICE_SENTENCES.values())


def told(form: ResultsForm) -> tuple[tuple[str, ...], tuple[str, ...], list[str]]:
    try:
        read = asyncio.run(read_people(form, "fr"))
    except ArchiveError as error:
        return (error.code, error.file), (), []
    return (), tuple(map(str, read.people)), read.notices


READ_ALL: Final = """async () => {
  const { filesOf } = await import("/static/js/archive/gather.js");
  const { readArchive } = await import("/static/js/archive/read.js");
  const { summarise } = await import("/static/js/archive/summary.js");
  const { asArchiveError } = await import("/static/js/archive/errors.js");
  const cases = new Map();
  for (const file of document.querySelector("#cases").files) {
    const [, name, ...path] = file.webkitRelativePath.split("/");
    if (!cases.has(name)) cases.set(name, []);
    cases.get(name).push({ path: path.join("/"), file });
  }
  const answers = {};
  for (const [name, chosen] of cases) {
    chosen.sort((a, b) => (a.path < b.path ? -1 : 1));
    try {
      const { portions, owner, notices, badRows, leftOut } = summarise(await readArchive(filesOf(chosen)), 100000);
      const people = (await Promise.all(portions.map(({ pairs }) => pairs.text()))).join("").split("\\n").slice(0, -1);
      answers[name] = [[], people, owner, notices.toSorted(), badRows, leftOut];
    } catch (error) {
      const { code, file, cause } = asArchiveError(error);
      if (code === "reader-failed") setTimeout(() => { throw cause; });
      answers[name] = [[code, file], [], "", [], 0, []];
    }
  }
  return answers;
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def in_browser(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """Reads all rows in one page, and returns what it said of each."""
    root = tmp_path_factory.mktemp("cases")
    for number, case in enumerate(cases_of("browser")):
        write_case(case, root / str(number))
    with serve_drop_page() as server:
        async with await chromium.new_context() as context:
            page = await context.new_page()
            page.set_default_timeout(BROWSER_TIMEOUT_MS)
            faults: list[str] = []
            page.on("pageerror", lambda error: faults.append(str(error)))
            await page.goto(server.url)
            await page.evaluate(
                "document.body.append(Object.assign(document.createElement('input'),"
                " { type: 'file', id: 'cases', webkitdirectory: true }))"
            )
            await page.set_input_files("#cases", root)
            answers: dict[str, list[Any]] = await page.evaluate(READ_ALL)
            assert faults == []
    return {case.case: _outcome(answers.get(str(number))) for number, case in enumerate(cases_of("browser"))}


def _outcome(answer: list[Any] | None) -> Outcome:
    """Returns what the page said; an empty file choice is no file there."""
    assert answer is not None, "the page did not answer this row"
    error, people, owner, notices, bad_rows, left_out = answer
    return Outcome(tuple(error), tuple(people), owner, tuple(notices), bad_rows, tuple(left_out))


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", cases_of("browser"), ids=lambda case: case.case)
async def test_the_browser(case: Case, in_browser: dict[str, Outcome]) -> None:
    assert in_browser[case.case] == case.outcome


def _python_readers() -> Iterator[str]:
    """Yields the modules outside of the package that read an archive."""
    for folder in ("directory", "web", "deploy", "federation", "admin"):
        for path in (ROOT / folder).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            if name.startswith("directory/archive/"):
                continue
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                    called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                    handed = {each.id for each in node.args if isinstance(each, ast.Name)}
                    if {called, *handed} & READS:
                        yield name


def _script_readers() -> Iterator[str]:
    for path in (ROOT / "web/static/js").rglob("*.js"):
        if re.search(r"import \{[^}]*\breadArchive\b", path.read_text()):
            yield path.relative_to(ROOT).as_posix()


def test_every_reader_has_the_table() -> None:
    """A new door that reads archives stands in READERS, with a test over the table above."""
    assert {*_python_readers(), *_script_readers()} == set().union(*READERS.values())
    assert {door for case in CASES for door in case.doors} == set(READERS)


IN_ONE_READER: Final = {"not-found", "reader-failed", "not-everybody"}
"""A path that is not there, a fault of the script, and its word for portions."""


@pytest.mark.parametrize("sentence", [*SENTENCES.values(), *NOTICE_SENTENCES.values()])
def test_what_a_reader_says_is_said_in_french(sentence: str) -> None:
    french = translate("fr", sentence)
    assert french != sentence
    assert ("%(file)s" in french) == ("%(file)s" in sentence)


def test_the_readers_know_the_same_problems_and_notices() -> None:
    script = (ROOT / "web/static/js/archive/errors.js").read_text()
    lists = script.split("Object.freeze(")[1:]
    problems, notices = (set(re.findall(r'^ +"([a-z0-9-]+)",', each, re.MULTILINE)) for each in lists)
    assert problems ^ {problem.value for problem in ArchiveProblem} <= IN_ONE_READER
    assert notices ^ {notice.value for notice in Notice} <= IN_ONE_READER


def test_rows_have_names_of_their_own() -> None:
    names = [case.case for case in CASES]
    assert len(set(names)) == len(names)
