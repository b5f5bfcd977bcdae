"""`passerelle backup` and `passerelle restore`: from an instance that runs to the folder of another machine, whole, or not
at all."""

import asyncio
import io
import os
import shutil
import signal
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from deploy.database import running_database
from deploy.embedded.locks import wait_until
from deploy.ports import free_port
from directory.settings import Settings
from federation.keys.instance import MARK_FILE
from tests.deploy.machines import fetch
from tests.deploy.pending import add_pending
from tests.deploy.test_restore import LOG, PATIENCE_S, REFUSED, Instance
from tests.harness.command import Command, Result
