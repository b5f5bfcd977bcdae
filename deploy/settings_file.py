"""Finds the settings of this process, the same for every command; and writes an example of their file."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, get_type_hints

from msgspec import Meta

from deploy.database import CHECKOUT
from deploy.embedded import default_data_dir
from directory.settings import CONFIG_NAME, CONFIG_PLACES, PREFIX, Settings, find_config, load_settings

EXAMPLE: Final = CHECKOUT / "deploy" / "passerelle.example.toml"
_HEAD: Final = """\
# Settings of Passerelle. Copy this to /etc/passerelle.toml or to passerelle.toml in the data folder, and take away the sign
# before what you set. What is not set here has the value that is shown; the environment (PASSERELLE_PORT) wins.
# `passerelle doctor --example` prints this file.
"""


def config_places(environment: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Lists where the settings file is looked for, the first place first."""
    named = environment.get(f"{PREFIX}DATA")
    data = Path(named).expanduser() if named else default_data_dir(CHECKOUT)
    return (*CONFIG_PLACES, data / CONFIG_NAME)


def own_settings(overrides: Mapping[str, str] | None = None) -> Settings:
    """Loads the settings of this process. Raises InvalidSettings."""
    return load_settings(os.environ, overrides, config_places())


def own_config() -> Path | None:
    """Returns the settings file that is read. None where there is none."""
    return find_config(os.environ, config_places())


def setting_descriptions() -> dict[str, str]:
    """Returns the sentence of each setting, by its name."""
    hints = get_type_hints(Settings, include_extras=True)
    return {
        name: next(
            (meta.description or "" for meta in hints[name].__metadata__ if isinstance(meta, Meta)), ""
        )
        for name in Settings.__struct_fields__
    }


def example() -> str:
    """Returns an example of the settings file: every setting with its effect and its default."""
    plain = Settings()
    parts = [_HEAD]
    for name, description in setting_descriptions().items():
        parts.append(f"# {description}\n#{name} = {_toml(getattr(plain, name))}\n")
    return "\n".join(parts)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, frozenset | tuple):
        return "[" + ", ".join(f'"{each}"' for each in sorted(value)) + "]"
    return f'"{"" if value is None else value}"'
