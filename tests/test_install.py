"""The install targets of the Makefile, on a project with one dependency: when they fail, and what they mend."""

import shutil
import venv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from tests.harness.command import Command
from tests.harness.locks import CHECKOUT, LOCK, Locked, installed_versions, read_lock
from tests.harness.pips import BASE_PYTHON

PROJECT: Final = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "passerelle"
version = "1"
dependencies = ["click"]

[tool.setuptools]
packages = []
"""
TARGETS: Final = {"install": "requirements.lock", "install-dev": "requirements-dev.lock"}
BUILD: Final = "setuptools"


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with our Makefile, and locks that hold what a test puts there."""

    make: Command
    entries: dict[str, Locked]

    @property
    def environment(self) -> Path:
        """Where its packages land."""
        return self.make.folder / ".venv"

    def lock(self, *names: str) -> None:
        """Writes both locks with these entries of ours."""
        for lock in TARGETS.values():
            (self.make.folder / lock).write_text("".join(self.entries[name].text for name in names))

    def stamps(self) -> set[str]:
        """The stamps of what was installed wholly."""
        return {stamp.name for stamp in self.environment.glob(".installed*")}

    def versions(self, *names: str) -> dict[str, str]:
        """What has to be in the environment, where it holds these entries and the project."""
        return {name: self.entries[name].version for name in names} | {"passerelle": "1"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    shutil.copy(CHECKOUT / "Makefile", tmp_path)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    return Project(Command(tmp_path, program=("make", f"PYTHON={BASE_PYTHON}")), read_lock(LOCK))


@pytest.mark.parametrize("target", TARGETS)
def test_a_lock_that_lacks_something_fails_each_time(project: Project, target: str) -> None:
    """Without dependencies being followed, pip itself is content with such a lock."""
    project.lock(BUILD)
    failed = project.make.run(target)
    assert failed.code != 0
    assert f"{TARGETS[target]} does not hold all that is needed" in failed.err
    assert "passerelle 1 requires click, which is not installed." in failed.err
    assert project.stamps() == set()


def test_one_install_serves_both_targets(project: Project) -> None:
    project.lock(BUILD, "click")
    assert project.make.run("install-dev").code == 0
    assert project.stamps() == {".installed", ".installed-dev"}
    assert "pip" not in project.make.run("install").out


def test_nothing_stays_of_an_older_lock_or_of_an_install_that_was_broken_off(project: Project) -> None:
    """pip takes a package that is half there for installed, and an older lock's could contradict the new ones."""
    project.lock(BUILD, "click")
    packages = half_made_environment(project)

    installed = project.make.run("install")

    assert installed.code == 0, installed.err
    assert installed_versions(project.environment) == project.versions(BUILD, "click")
    assert (packages / "click" / "__init__.py").exists()
    assert project.stamps() == {".installed"}


def half_made_environment(project: Project) -> Path:
    """One whose `click` has no more than its metadata, beside a package that wants another. Returns its packages."""
    venv.create(project.environment)
    (packages,) = project.environment.glob("lib/python*/site-packages")
    write_metadata(packages, "click", project.entries["click"].version)
    write_metadata(packages, "former", "1", "Requires-Dist: click<1\n")
    (project.environment / ".installed-dev").touch()
    return packages


def write_metadata(packages: Path, name: str, version: str, more: str = "") -> None:
    """What pip goes by when it asks whether a package is installed."""
    folder = packages / f"{name}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}")


def test_settings_of_pip_that_lead_elsewhere_do_not_count(project: Project, tmp_path: Path) -> None:
    """Each of these stopped the install, or put the packages where the instance does not look."""
    project.lock(BUILD, "click")
    (tmp_path / "constraints.txt").write_text("click==8.0.0\n")
    settings = {
        "PIP_CONSTRAINT": str(tmp_path / "constraints.txt"),
        "PIP_DRY_RUN": "1",
        "PIP_PREFIX": str(tmp_path / "prefix"),
        "PIP_REQUIRE_HASHES": "1",
        "PIP_ROOT": str(tmp_path / "root"),
        "PIP_TARGET": str(tmp_path / "target"),
        "PIP_USER": "1",
        "PYTHONPATH": str(tmp_path / "path"),
    }
    set_them = ("env", *(f"{name}={value}" for name, value in settings.items()))

    installed = replace(project.make, program=(*set_them, *project.make.program)).run("install")

    assert installed.code == 0, installed.err
    assert installed_versions(project.environment) == project.versions(BUILD, "click")
