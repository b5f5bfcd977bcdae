"""Hypothesis without deadlines: they would measure how busy the machine is. Processes that are killed."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.federation.killing import Killing
from tests.harness.postgres import make_folder

settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory: the mark is written through to the disk each time."""
    made = make_folder("passerelle-test-")
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def killing() -> Iterator[Killing]:
    """Sequencers in processes of their own."""
    folder = make_folder("passerelle-test-")
    program = Killing(folder)
    yield program
    program.close()
    shutil.rmtree(folder)
