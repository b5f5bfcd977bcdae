"""A plugin of the mutants' test runs: all share one server and its templates, and what fails ends at once."""

import os
from typing import Final

import pytest
from hypothesis import Phase, settings

from deploy.embedded.client import ROLE
from tests.harness.postgres import SharedPostgres
from tests.mutants.running import SERVER

RUN: Final = "mutants"

# A failure is enough: it is not made smaller, nor kept for later runs.
settings.register_profile(
    "mutants",
    database=None,
    deadline=None,
    derandomize=True,
    max_examples=30,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile("mutants")


@pytest.fixture(scope="session")
def postgres() -> SharedPostgres:
    admin, owner = os.environ[SERVER].split()
    return SharedPostgres(admin, RUN, owner=(ROLE, owner))
