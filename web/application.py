"""The framework's application without what it loads for libraries that nothing here uses."""

from litestar import Litestar
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin


class LeanLitestar(Litestar):
    """Takes no plugins for models of pydantic and attrs. Ours are msgspec's, and loading pydantic, which other libraries
    bring along, costs each process 8 MB."""

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]
