"""The reader of X archives in the browser: its modules in Node, and the page in a real Chromium."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.harness.node import node_path
from tests.web import archives
from tests.web.drop_page import Answer, DropPage, sentence, serve_drop_page

JS = Path(__file__).parent.parent / "js"
NODE_TESTS = sorted(path.name for path in (JS / "archive").glob("*.test.js"))
NODE_TIMEOUT_S = 300

in_browser = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("name", NODE_TESTS)
def test_modules_in_node(name: str) -> None:
    run = subprocess.run(
        [node_path(), "--test", "--test-reporter=tap", JS / "archive" / name],
        capture_output=True,
        text=True,
        timeout=NODE_TIMEOUT_S,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_types_in_the_scripts_hold() -> None:
    compiler = JS / "node_modules" / "typescript" / "bin" / "tsc"
    assert compiler.exists(), "the npm packages of tests/js are missing: run `python -m tests.setup`"
    run = subprocess.run(
        [node_path(), compiler, "--project", JS], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout


@pytest.fixture
def server() -> Iterator[DropPage]:
    with serve_drop_page() as page:
        yield page


@pytest_asyncio.fixture(loop_scope="session")
async def page(chromium: Browser, server: DropPage) -> AsyncIterator[Page]:
    """A page; at the end no request may have gone elsewhere or against the security policy."""
    async with await chromium.new_context() as context:
        page = await context.new_page()
        asked: list[str] = []
        faults: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        await page.goto(server.url)
        yield page
        assert await page.evaluate("window.violations") == []
        assert [url for url in asked if not url.startswith((server.url, f"blob:{server.url}"))] == []
        assert faults == []


async def choose(page: Page, *files: Path) -> None:
    await page.get_by_label("The ZIP from X, or files of it").set_input_files(files)


async def drop(page: Page, *files: Path) -> None:
    """Drops files from outside onto the page, as the system does."""
    session = await page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(file) for file in files], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        await session.send("Input.dispatchDragEvent", {"type": kind, "x": 200, "y": 200, "data": data})


async def expect_results(page: Page, server: DropPage, posted: int = 1) -> None:
    await expect(page.locator("#results h2")).to_be_focused()
    assert len(server.posted) == posted
    assert server.posted[-1].text("pairs") == archives.LINES


async def expect_error(page: Page, name: str, **values: object) -> None:
    await expect(page.get_by_role("alert")).to_have_text(sentence(name, **values))
    await expect(page.get_by_role("progressbar")).to_be_hidden()


@in_browser
async def test_a_chosen_zip_is_read_and_only_numbers_and_names_leave(
    page: Page, server: DropPage, tmp_path: Path
) -> None:
    await choose(page, archives.write_zip(tmp_path))
    await expect_results(page, server)
    (posted,) = server.posted
    assert posted.names() == ["pairs", "owner"]
    assert posted.text("owner") == archives.OWNER
    assert archives.PRIVATE.encode() not in posted.raw
    assert archives.EMAIL.encode() not in posted.raw
    assert posted.headers["Accept"] == "text/html"
    assert posted.headers["X-Passerelle-Fragment"] == "1"
    await expect(page.get_by_role("status")).to_have_text(sentence("read", people=5, named=2))


@in_browser
async def test_a_dropped_zip_is_read(page: Page, server: DropPage, tmp_path: Path) -> None:
    await drop(page, archives.write_zip(tmp_path))
    await expect_results(page, server)


@in_browser
async def test_a_dropped_folder_is_read(page: Page, server: DropPage, tmp_path: Path) -> None:
    await drop(page, archives.write_files(tmp_path / "twitter-2024"))
    await expect_results(page, server)


@in_browser
async def test_dropped_files_are_read(page: Page, server: DropPage, tmp_path: Path) -> None:
    folder = archives.write_files(tmp_path) / "data"
    await drop(page, *(path for path in sorted(folder.iterdir()) if path.is_file()))
    await expect_results(page, server)


@in_browser
async def test_a_drop_onto_what_took_the_place_of_the_reader_is_answered(
    page: Page, server: DropPage, tmp_path: Path
) -> None:
    """A plan takes the reader's own place on its page: of what was dropped there later nothing was seen, neither how far it was
    nor why it could not be read."""
    await page.evaluate(
        "document.querySelector('#results').append(document.querySelector('[data-archive-drop]'))"
    )
    await choose(page, archives.write_zip(tmp_path))
    await expect_results(page, server)
    await expect(page.locator("[data-archive-drop]")).to_have_count(0)
    (tmp_path / "x.zip").write_bytes(b"")
    await drop(page, tmp_path / "x.zip")
    await expect_error(page, "file-empty", file="x.zip")
    await expect(page.get_by_role("heading", name="Two people are here")).to_be_visible()
    await drop(page, archives.write_zip(tmp_path))
    await expect(page.locator("[data-archive-drop]")).to_have_count(0)
    await expect_results(page, server, posted=2)


GONE: Final = """() => {
    const refuse = (_, reject) => reject(new DOMException("gone", "NotFoundError"));
    const file = { isFile: true, isDirectory: false, name: "following.js", file: refuse };
    const found = [[file], []];
    const createReader = () => ({ readEntries: (resolve) => resolve(found.shift()) });
    const folder = { isFile: false, isDirectory: true, name: "data", createReader };
    const items = [{ kind: "file", webkitGetAsEntry: () => folder }];
    const dataTransfer = { types: ["Files"], items, files: [] };
    document.dispatchEvent(Object.assign(new Event("drop", { cancelable: true }), { dataTransfer }));
}"""


@in_browser
async def test_a_file_that_is_gone_from_a_dropped_folder_is_named(page: Page) -> None:
    """It was called a fault of ours, to be mended by loading the page again."""
    await page.evaluate(GONE)
    await expect_error(page, "unreadable", file="following.js")


@in_browser
async def test_a_chosen_folder_is_read(page: Page, server: DropPage, tmp_path: Path) -> None:
    folder = archives.write_files(tmp_path / "twitter-2024")
    await page.get_by_label("Or the unpacked folder").set_input_files(folder)
    await expect_results(page, server)


@in_browser
async def test_chosen_files_are_read_again_with_the_button(
    page: Page, server: DropPage, tmp_path: Path
) -> None:
    folder = archives.write_files(tmp_path) / "data"
    await choose(page, *(path for path in sorted(folder.iterdir()) if path.is_file()))
    await expect_results(page, server)
    async with page.expect_response("**/results"):
        await page.get_by_role("button", name="See who is already there").click()
    await expect_results(page, server, posted=2)


@in_browser
async def test_the_answer_is_live(page: Page, server: DropPage, tmp_path: Path) -> None:
    """htmx works on what was put in, under a policy without eval, inline scripts and inline styles."""
    await choose(page, archives.write_zip(tmp_path))
    await page.get_by_role("button", name="More").click()
    await expect(page.locator("#more")).to_have_text("more of them")


@in_browser
async def test_a_second_archive_takes_the_place_of_the_first(
    page: Page, server: DropPage, tmp_path: Path
) -> None:
    await choose(page, archives.write_zip(tmp_path))
    await expect_results(page, server)
    server.answer = Answer(body="<h2>Somebody else</h2>")
    (tmp_path / "following.js").write_text(archives.following("21"))
    await choose(page, tmp_path / "following.js")
    await expect(page.get_by_role("heading", name="Somebody else")).to_be_focused()
    assert server.posted[-1].text("pairs") == "21,,f\n"
    assert await page.locator("#results h2").count() == 1


@in_browser
async def test_a_drop_while_another_is_asked_for_wins(page: Page, server: DropPage, tmp_path: Path) -> None:
    server.hold("/results")
    await choose(page, archives.write_zip(tmp_path))
    await asyncio.to_thread(server.asked_for_held.wait, 30)
    server.held = None
    server.answer = Answer(body="<h2>The second</h2>")
    (tmp_path / "following.js").write_text(archives.following("21"))
    await drop(page, tmp_path / "following.js")
    await expect(page.get_by_role("heading", name="The second")).to_be_focused()
    server.release()
    await expect(page.locator("#results")).to_have_text("The second")


@in_browser
@pytest.mark.parametrize("path", ["/static/js/archive/worker.js", "/results"], ids=["reading", "asking"])
async def test_cancel_stops_it_by_keyboard(page: Page, server: DropPage, tmp_path: Path, path: str) -> None:
    server.hold(path)
    await choose(page, archives.write_zip(tmp_path))
    await asyncio.to_thread(server.asked_for_held.wait, 30)
    await expect(page.get_by_role("progressbar")).to_be_visible()
    await page.get_by_label("Or the unpacked folder").focus()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_have_text(sentence("cancelled"))
    await expect(page.get_by_role("progressbar")).to_be_hidden()
    await expect(page.get_by_label("The ZIP from X, or files of it")).to_be_focused()
    server.release()
    await page.get_by_role("button", name="See who is already there").click()
    await expect(page.locator("#results h2")).to_be_focused()


@in_browser
@pytest.mark.parametrize("code", archives.BAD)
async def test_bad_input_is_refused_with_one_sentence(
    page: Page, server: DropPage, tmp_path: Path, code: str
) -> None:
    name, content = archives.BAD[code]
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    await choose(page, file)
    await expect_error(page, code, file="following.js" if code in archives.OF_A_MEMBER else name)
    assert server.posted == []
    assert await page.locator("#results").inner_html() == ""


@in_browser
async def test_an_error_goes_when_the_next_archive_comes(
    page: Page, server: DropPage, tmp_path: Path
) -> None:
    (tmp_path / "x.zip").write_bytes(b"")
    await choose(page, tmp_path / "x.zip")
    await expect_error(page, "file-empty", file="x.zip")
    await choose(page, archives.write_zip(tmp_path))
    await expect_results(page, server)
    await expect(page.get_by_role("alert")).to_be_empty()


@in_browser
async def test_a_folder_of_other_files_is_not_called_none(page: Page, tmp_path: Path) -> None:
    """It read "No file was chosen"."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.txt").write_text("hello")
    await page.get_by_label("Or the unpacked folder").set_input_files(tmp_path / "photos")
    await expect(page.get_by_role("alert")).to_contain_text("No file of an X archive was chosen.")


@in_browser
async def test_nothing_chosen_and_two_at_once(page: Page, server: DropPage, tmp_path: Path) -> None:
    await page.get_by_role("button", name="See who is already there").click()
    await expect_error(page, "nothing-chosen")
    (tmp_path / "other.zip").write_bytes(archives.zip_bytes({"data/following.js": archives.following("21")}))
    await choose(page, archives.write_zip(tmp_path), tmp_path / "other.zip")
    await expect_error(page, "several-archives")
    assert server.posted == []


@in_browser
async def test_an_archive_with_nobody_in_it_is_no_error(page: Page, server: DropPage, tmp_path: Path) -> None:
    await choose(page, archives.write_zip(tmp_path, {"data/following.js": archives.following()}))
    await expect(page.get_by_role("status")).to_have_text(sentence("nobody"))
    await expect(page.get_by_role("alert")).to_be_empty()
    assert server.posted == []


@in_browser
async def test_what_is_missing_is_said_beside_the_results(
    page: Page, server: DropPage, tmp_path: Path
) -> None:
    await choose(page, archives.write_zip(tmp_path, {"data/follower.js": archives.FILES["data/follower.js"]}))
    notes = [sentence("read", people=2, named=0), sentence("following-missing"), sentence("names-missing")]
    await expect(page.get_by_role("status").locator("p")).to_have_text(notes)
    assert server.posted[0].text("pairs") == "12,,r\n14,,r\n"


@in_browser
async def test_more_people_than_can_be_asked_for_are_cut_with_a_word(
    page: Page, server: DropPage, tmp_path: Path
) -> None:
    server.max_people = 3
    await page.reload()
    await choose(page, archives.write_zip(tmp_path))
    notes = [sentence("read", people=5, named=2), sentence("not-everybody", asked=2)]
    await expect(page.get_by_role("status").locator("p")).to_have_text(notes)
    bob, *others = archives.LINES.splitlines(keepends=True)
    assert server.posted[0].text("pairs") == "".join([bob, *others[:1]])
    await page.get_by_role("button", name=sentence("next", people=2)).click()
    notes = [sentence("read", people=5, named=2), sentence("portion", **{"from": 3, "to": 4})]
    await expect(page.get_by_role("status").locator("p")).to_have_text(notes)
    await page.locator("[data-part=next]").click()
    notes = [sentence("read", people=5, named=2), sentence("portion", **{"from": 5, "to": 5})]
    await expect(page.get_by_role("status").locator("p")).to_have_text(notes)
    # Bob is muted, and so in each: an account of his is refused whoever else leads there.
    assert [posted.text("pairs") for posted in server.posted[1:]] == [
        "".join([*others[1:3], bob]),
        "".join([*others[3:], bob]),
    ]
    await expect(page.locator("[data-part=next]")).to_be_hidden()


@in_browser
async def test_whom_an_archive_refuses_is_in_each_portion(
    page: Page, server: DropPage, tmp_path: Path
) -> None:
    """Fault: whoever is blocked stands last in an archive, and was looked up in the last portion alone. Where they were followed
    under another name on X, their account was ticked in the first, and followed."""
    server.max_people = 4
    await page.reload()
    await choose(page, archives.write_zip(tmp_path))
    notes = [sentence("read", people=5, named=2), sentence("not-everybody", asked=2)]
    await expect(page.get_by_role("status").locator("p")).to_have_text(notes)
    lines = archives.LINES.splitlines(keepends=True)
    assert server.posted[0].text("pairs") == "".join([*lines[:2], lines[4]])


@in_browser
@pytest.mark.parametrize("how", ["refused", "cancelled"])
async def test_the_next_portion_is_offered_again_where_it_came_to_nothing(
    page: Page, server: DropPage, tmp_path: Path, how: str
) -> None:
    """The button was gone: whoever was told to wait a minute had to read the archive, and ask for everybody, anew."""
    server.max_people = 3
    await page.reload()
    await choose(page, archives.write_zip(tmp_path))
    await page.get_by_role("button", name=sentence("next", people=2)).click()
    button = page.locator("[data-part=next]")
    await expect(button).to_be_visible()
    if how == "refused":
        server.answer = Answer(429, headers={"Retry-After": "17"})
        await button.click()
        await expect(page.get_by_role("alert")).to_have_text(sentence("server-busy", seconds=17))
        server.answer = Answer()
    else:
        server.hold("/results")
        await button.click()
        await asyncio.to_thread(server.asked_for_held.wait, 30)
        await page.get_by_role("button", name="Cancel").click()
        server.release()
    await expect(page.get_by_role("progressbar")).to_be_hidden()
    await button.click()
    notes = [sentence("read", people=5, named=2), sentence("portion", **{"from": 5, "to": 5})]
    await expect(page.get_by_role("status").locator("p")).to_have_text(notes)
    lines = archives.LINES.splitlines(keepends=True)
    assert server.posted[-1].text("pairs") == "".join([*lines[4:], *lines[:1]])
    await expect(button).to_be_hidden()


PROBLEM = '{"type":"about:blank","status":422,"detail":"Line 3 is not a person."}'
REFUSALS = {
    "413": (Answer(413), sentence("server-too-large")),
    "429": (Answer(429, headers={"Retry-After": "17"}), sentence("server-busy", seconds=17)),
    "503": (Answer(503), sentence("server-down")),
    "500": (Answer(500, body="<h1>Oh</h1>"), sentence("server-error")),
    "422": (Answer(422, PROBLEM, "application/problem+json"), "Line 3 is not a person."),
    "not a page": (Answer(200, "{}", "application/json"), sentence("server-error")),
}


@in_browser
@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_server_that_refuses_is_explained(
    page: Page, server: DropPage, tmp_path: Path, refusal: str
) -> None:
    server.answer, expected = REFUSALS[refusal]
    await choose(page, archives.write_zip(tmp_path))
    await expect(page.get_by_role("alert")).to_have_text(expected)
    await expect(page.get_by_role("progressbar")).to_be_hidden()
    assert await page.locator("#results").inner_html() == ""


@in_browser
async def test_a_server_that_cannot_be_reached_is_explained(
    page: Page, server: DropPage, tmp_path: Path
) -> None:
    server.is_deaf = True
    await choose(page, archives.write_zip(tmp_path))
    await expect_error(page, "server-unreachable")


@in_browser
@pytest.mark.parametrize("path", ["/static/js/archive/worker.js", "/results"], ids=["reading", "asking"])
async def test_offline_the_reader_says_that_it_is_the_connection(
    page: Page, server: DropPage, tmp_path: Path, path: str
) -> None:
    """The reader's own script could not be fetched, and it said that something was wrong on our side."""
    if path == "/results":
        server.hold(path)
        await choose(page, archives.write_zip(tmp_path))
        await asyncio.to_thread(server.asked_for_held.wait, 30)
        await page.context.set_offline(True)
        server.is_deaf = True
        server.release()
    else:
        await page.context.set_offline(True)
        await choose(page, archives.write_zip(tmp_path))
    await expect_error(page, "offline")
    await page.context.set_offline(False)
    server.is_deaf = False
    await page.get_by_role("button", name="See who is already there").click()
    await expect(page.locator("#results h2")).to_be_focused()


PHONE: Final = {"width": 390, "height": 500}


@in_browser
async def test_what_happens_is_shown_where_the_person_is(
    page: Page, server: DropPage, tmp_path: Path
) -> None:
    """Progress, its cancel and a cut-off ZIP's error lay below the fold: it failed unseen."""
    await page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # Playwright's own TypedDict is not exported
    announced = page.locator("[data-part=announced]")
    server.hold("/results")
    await page.evaluate("scrollTo(0, 0)")
    await choose(page, archives.write_zip(tmp_path))
    await expect(page.get_by_role("button", name="Cancel")).to_be_in_viewport(ratio=1)
    await expect(announced).to_have_text(sentence("asking"))
    await page.evaluate("scrollTo(0, 0)")
    await page.get_by_role("button", name="Cancel").dispatch_event("click")
    await expect(page.get_by_role("status")).to_be_in_viewport(ratio=1)
    server.release()
    (tmp_path / "cut.zip").write_bytes(archives.zip_bytes(archives.FILES)[:-40])
    await page.evaluate("scrollTo(0, 0)")
    await choose(page, tmp_path / "cut.zip")
    await expect_error(page, "zip-truncated", file="cut.zip")
    await expect(page.get_by_role("alert")).to_be_in_viewport(ratio=1)
    await expect(page.get_by_role("alert")).to_be_focused()
    await expect(announced).to_be_empty()


@in_browser
async def test_where_one_reads_on_has_no_ring_like_an_error(
    page: Page, server: DropPage, tmp_path: Path
) -> None:
    """The heading of the results is focused to be read on: a ring around it looked as if something were wrong."""
    await page.keyboard.press("Tab")
    await choose(page, archives.write_zip(tmp_path))
    heading = page.locator("#results h2")
    await expect(heading).to_be_focused()
    await expect(heading).to_have_css("outline-style", "none")


@in_browser
async def test_without_script_the_files_are_sent_by_the_form(
    chromium: Browser, server: DropPage, tmp_path: Path
) -> None:
    async with await chromium.new_context(java_script_enabled=False) as context:
        page = await context.new_page()
        await page.goto(server.url)
        await expect(page.get_by_text("Without JavaScript")).to_be_visible()
        await expect(page.get_by_text("stays on this device")).to_be_hidden()
        await expect(page.get_by_label("Or the unpacked folder")).to_be_hidden()
        folder = archives.write_files(tmp_path) / "data"
        await choose(page, folder / "following.js", folder / "mute.js")
        await page.get_by_role("button", name="See who is already there").click()
        await expect(page.get_by_role("heading", name="Two people are here")).to_be_visible()
        (posted,) = server.posted
        assert posted.names() == ["files", "files"]
        assert posted.file_names() == ["following.js", "mute.js"]


@in_browser
@pytest.mark.parametrize("state", ["fresh", "failed", "done"])
async def test_axe_finds_nothing(page: Page, tmp_path: Path, state: str) -> None:
    if state == "failed":
        (tmp_path / "x.zip").write_bytes(b"")
        await choose(page, tmp_path / "x.zip")
        await expect(page.get_by_role("alert")).not_to_be_empty()
    elif state == "done":
        await choose(page, archives.write_zip(tmp_path))
        await expect(page.locator("#results h2")).to_be_focused()
    await page.evaluate((JS / "node_modules" / "axe-core" / "axe.min.js").read_text())
    report = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    assert [(each["id"], each["nodes"][0]["html"]) for each in report["violations"]] == []
