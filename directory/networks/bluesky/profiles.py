"""Reads public profiles and the moderators' labels, many at a time, from a service that the operator chose (AppView).

It works without one: then nothing is known of anybody, and nobody is left out for it.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import batched
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from directory.clock import Clock
from directory.follows.reasons import Reason
from directory.identifiers import Did
from directory.networks.bluesky.wire import anonymous
from directory.networks.bluesky.xrpc import AccountShut, Refusal, Xrpc
from directory.networks.http import GuardedClient
