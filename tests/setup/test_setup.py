"""The setup finds what is there, gets what is not, and says plainly what it could not get."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import browser, proxies
from tests.setup import __main__ as setup
from tests.setup import chromium, packages
from tests.setup import proxies as setup_proxies
from tests.setup.parts import CannotBeHad, CommandFailed, Part, run, version_of


def program(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["#!/bin/sh", *lines]))
    path.chmod(0o755)
    return path


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose PATH is one empty folder, with no browser of Playwright's either."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "browsers"))
    monkeypatch.setattr(browser, "OWN_BROWSERS", tmp_path / "own")
    monkeypatch.delenv(browser.CHOSEN_BY_HAND, raising=False)
    monkeypatch.delenv("CI", raising=False)
    return tmp_path


def test_the_browser_chosen_by_hand_comes_first(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bare_machine / "chromium", "echo Chromium 1.0.0")
    chosen = program(bare_machine / "mine", "echo Mine 7.8.9")
    monkeypatch.setenv(browser.CHOSEN_BY_HAND, str(chosen))
    assert chromium.chromium() == Part("Chromium", "7.8.9", chosen)


def test_a_choice_that_is_not_there_is_not_overruled(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(bare_machine / "chromium", "echo Chromium 1.0.0")
    monkeypatch.setenv(browser.CHOSEN_BY_HAND, str(bare_machine / "nowhere"))
    with pytest.raises(CannotBeHad, match=browser.CHOSEN_BY_HAND):
        chromium.chromium()


def test_a_browser_on_path_comes_before_a_download(bare_machine: Path) -> None:
    build = bare_machine / "own" / "chromium-1255" / "chrome-linux64"
    build.mkdir(parents=True)
    downloaded = program(build / "chrome", "echo Chrome for Testing 159.0.1")
    assert chromium.chromium() == Part("Chromium", "159.0.1", downloaded)
    on_path = program(bare_machine / "google-chrome", "echo Google Chrome 150.2")
    assert chromium.chromium() == Part("Chromium", "150.2", on_path)


def test_root_on_debian_gets_the_system_package(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    asked = bare_machine / "asked"
    program(
        bare_machine / "apt-get",
        f'echo "$@" >> {asked}',
        f'case "$*" in *install*) printf "#!/bin/sh\\necho Chromium 156.0" > {bare_machine}/chromium;'
        f" /bin/chmod 755 {bare_machine}/chromium;; esac",
    )
    assert chromium.chromium().version == "156.0"
    update, install = asked.read_text().splitlines()
    assert update.endswith("update")
    assert install.endswith("install -y --no-install-recommends chromium")


def test_a_proxy_is_the_systems_package(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be had is named, and fails in continuous integration: no sample goes untested unseen."""
    monkeypatch.setattr(proxies, "_ALSO_IN", ())
    monkeypatch.setattr("os.geteuid", lambda: 1_000)
    with pytest.raises(CannotBeHad, match="install nginx-light with your system's packages"):
        setup_proxies.proxy("nginx")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    program(
        bare_machine / "apt-get",
        f'case "$*" in *nginx-light*) printf "#!/bin/sh\necho nginx version: nginx/1.22.1 >&2" > {bare_machine}/nginx;'
        f" /bin/chmod 755 {bare_machine}/nginx;; esac",
    )
    assert setup_proxies.proxy("nginx") == Part("nginx", "1.22.1", bare_machine / "nginx")


def test_a_browser_that_does_not_start_is_not_taken_for_one(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ubuntu's package `chromium-browser` is a script that only tells how to get the real one."""
    program(bare_machine / "chromium-browser", "echo 'requires the snap' >&2", "exit 1")
    monkeypatch.setattr(chromium, "_installers", lambda: iter(()))
    with pytest.raises(CannotBeHad) as caught:
        chromium.chromium()
    assert chromium.TO_DO in str(caught.value)


def test_every_refusal_is_told(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(tool: str) -> Callable[[], None]:
        def install() -> None:
            raise CommandFailed(f"`{tool}` ended with 1 (offline)")

        return install

    monkeypatch.setattr(chromium, "_installers", lambda: iter([offline("apt-get"), offline("playwright")]))
    with pytest.raises(CannotBeHad, match=r"`apt-get` ended with 1 .* and `playwright` ended with 1"):
        chromium.chromium()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a lock file that asks for nothing."""
    place = tmp_path / "tests" / "js"
    place.mkdir(parents=True)
    (place / "package.json").write_text(json.dumps({"private": True}))
    lock = {"lockfileVersion": 3, "requires": True, "packages": {"": {}}}
    (place / "package-lock.json").write_text(json.dumps(lock))
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    return place


def test_npm_packages_are_installed_once_a_lock(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(packages.locked_folders(folder.parent)) == [folder]
    first = packages.packages(folder)
    assert first.where == folder / "node_modules"

    def unwanted(*_: object, **__: object) -> None:
        raise AssertionError("npm was run again")

    monkeypatch.setattr(packages, "run", unwanted)
    assert packages.packages(folder) == first
    (folder / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
    with pytest.raises(AssertionError):
        packages.packages(folder)


def test_an_installation_cut_off_is_done_again(folder: Path) -> None:
    """Killed between npm and the stamp, node_modules looks whole and is not."""
    (folder / "node_modules" / "half").mkdir(parents=True)
    packages.packages(folder)
    assert not (folder / "node_modules" / "half").exists()


def test_packages_that_cannot_be_had_leave_nothing_behind(folder: Path) -> None:
    (folder / "package.json").write_text(json.dumps({"dependencies": {"a": "1.0.0"}}))
    with pytest.raises(
        CannotBeHad, match=r"^npm packages of tests/js cannot be had, because `node .*`npm ci`"
    ):
        packages.packages(folder)
    assert not (folder / "node_modules").exists()


def there() -> Part:
    return Part("Node.js", "24.1", Path("/somewhere/node"))


def not_there() -> Part:
    raise CannotBeHad("Chromium", "there is no network", "install it")


@pytest.mark.parametrize(("environment", "code"), [("", 0), ("false", 0), ("true", 1), ("1", 1)])
def test_a_missing_part_is_named_and_stops_only_ci(
    environment: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI", environment)
    monkeypatch.setattr(setup, "needs", lambda: iter([not_there, there]))
    assert setup.main() == code
    said = capsys.readouterr()
    assert said.err == "Chromium cannot be had, because there is no network: install it.\n"
    assert said.out.splitlines() == [
        "part     version  where",
        "Node.js  24.1     /somewhere/node",
    ]


def test_a_command_that_fails_is_told_in_its_own_words(tmp_path: Path) -> None:
    failing = program(
        tmp_path / "apt-get", "echo Reading...", "echo 'E: Unable to locate package' >&2", "exit 100"
    )
    with pytest.raises(
        CommandFailed, match=r"`apt-get install` ended with 100 \(E: Unable to locate package\)"
    ):
        run([str(failing), "install", "-y"])
    with pytest.raises(CommandFailed, match="did not start"):
        run([str(tmp_path / "nothing")])
    with pytest.raises(CommandFailed, match="does not start"):
        version_of(tmp_path / "nothing")
