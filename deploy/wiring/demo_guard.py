"""Keeps demo people and public instances apart: invented answers among true ones would be taken for true."""

from deploy.wiring.log import key_folder
from directory.origin_names import is_local_origin
from directory.settings import Settings
from directory.store.database import Connection, Database
from directory.store.demo import has_demo_rows
from federation.keys.instance import is_local
from federation.store.log_rows import fetch_state


class PublicInstance(Exception):
    """This is a public instance, and demo people are for trying out."""


class DemoInPublic(Exception):
    """There are demo people in this directory, and this instance has a public address."""


async def check_demo_place(settings: Settings, database: Database) -> None:
    """Checks that nothing here is public: settings, keys, nor log. Raises PublicInstance, UnsafeKeys, MissingKeys.

    The settings alone do not tell: a shell often lacks the environment that the service runs in.
    """
    if not is_local(settings):
        raise PublicInstance
    folder = key_folder(settings)
    if folder.exists() and not is_local_origin(folder.read().origin):
        raise PublicInstance
    async with database.connection() as connection:
        state = await fetch_state(connection)
    if state is not None and not is_local_origin(state.origin):
        raise PublicInstance


async def check_no_demo(settings: Settings, connection: Connection) -> None:
    """Checks before a start that a public instance would not answer with demo people. Raises DemoInPublic."""
    if not is_local(settings) and await has_demo_rows(connection):
        raise DemoInPublic
