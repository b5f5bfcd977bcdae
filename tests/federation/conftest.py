"""Fixtures for killed processes."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.federation.killing import Killing
from tests.harness.postgres import make_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """Makes a folder in memory: the mark is synced to the disk each time."""
    made = make_folder("passerelle-test-")
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def killing() -> Iterator[Killing]:
    """Starts the program that runs sequencers in processes of their own."""
    folder = make_folder("passerelle-test-")
    program = Killing(folder)
    yield program
    program.close()
    shutil.rmtree(folder)
