"""What an instance says of itself, and what it lets people do: kept in the database, changed without a restart.

What a process needs to start is in `directory.settings`.
"""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta

from directory.errors import DirectoryError

MAX_RULES_CHARS: Final = 10_000


class InvalidInstanceSetting(DirectoryError):
    """A setting of the instance cannot be what it is to be, or there is no such setting."""


class Registration(StrEnum):
    """Whether somebody new may become a member."""

    OPEN = "open"
    CLOSED = "closed"


class InstanceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting, its default and its effect."""

    name: Annotated[
        str,
        Meta(
            description="What this instance is called: on its pages, in its API, and at the networks where people sign in.",
            min_length=1,
            max_length=80,
        ),
    ] = "Passerelle"
    description: Annotated[
        str,
        Meta(description="One sentence about this instance, for its pages.", max_length=500),
    ] = ""
    contact: Annotated[
        str, Meta(description="How to reach the operator: an address or a link.", max_length=200)
    ] = ""
    rules: Annotated[
        str,
        Meta(
            description="The rules of this instance, plain text with an empty line between paragraphs; shown on its About page.",
            max_length=MAX_RULES_CHARS,
        ),
    ] = ""
    languages: Annotated[
        tuple[Literal["en", "fr"], ...],
        Meta(
            description="The languages of its pages, separated by commas. The first is for those whose browser asks for none of them.",
            min_length=1,
        ),
    ] = ("en", "fr")
    registration: Annotated[
        Registration,
        Meta(
            description="`closed`: nobody new becomes a member. Members still sign in, change, withdraw and leave."
        ),
    ] = Registration.OPEN
    read_only: Annotated[
        bool,
        Meta(
            description="`true`: members publish, prove, link and keep nothing. Withdrawing, signing out, exporting and leaving go on, and so does what was handed in before."
        ),
    ] = False
    follows_from: Annotated[
        str,
        Meta(
            description="A day, `YYYY-MM-DD`: no run of follows begins before it; those that wait begin within its first hour, UTC. Empty: at once.",
            pattern="^([0-9]{4}-[0-9]{2}-[0-9]{2})?$",
        ),
    ] = ""

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.name.isprintable():
            raise ValueError("name: expected one line of text")
        if len(set(self.languages)) < len(self.languages):
            raise ValueError("languages: expected each language once")
        try:
            _ = self.first_day_of_follows
        except ValueError:
            raise ValueError("follows_from: expected a day such as 2026-12-31") from None

    @property
    def takes_members(self) -> bool:
        """Whether somebody new may become a member now."""
        return self.registration is Registration.OPEN and not self.read_only

    @property
    def first_day_of_follows(self) -> date | None:
        """The day before which no run of follows begins; None where there is none."""
        return date.fromisoformat(self.follows_from) if self.follows_from else None


KEYS: Final = InstanceSettings.__struct_fields__
DEFAULTS: Final = InstanceSettings()
_TYPES: Final = get_type_hints(InstanceSettings, include_extras=True)
_TRUE: Final = frozenset({"true", "on", "yes", "1"})
_FALSE: Final = frozenset({"false", "off", "no", "0"})


def read_instance_settings(stored: Mapping[str, Any]) -> InstanceSettings:
    """The settings out of their stored values; what is not stored has its default, and an unknown key no effect.

    Raises InvalidInstanceSetting, with a sentence that names the key.
    """
    try:
        return msgspec.convert({key: stored[key] for key in KEYS if key in stored}, InstanceSettings)
    except msgspec.ValidationError as error:
        raise InvalidInstanceSetting(_named(str(error))) from error


def parse_setting(key: str, text: str) -> Any:
    """The value that a person wrote, to be stored under a key.

    Raises InvalidInstanceSetting, with a sentence that names the key.
    """
    check_key(key)
    value: Any = text
    if isinstance(getattr(DEFAULTS, key), bool):
        value = _switch_in(key, text)
    elif isinstance(getattr(DEFAULTS, key), tuple):
        value = [part.strip() for part in text.split(",") if part.strip()]
    return msgspec.to_builtins(getattr(read_instance_settings({key: value}), key))


def show_setting(value: object) -> str:
    """A value as `parse_setting` takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, tuple) else str(value)


def describe_setting(key: str) -> str:
    """The sentence of a setting."""
    metas = (each for each in get_args(_TYPES[key]) if isinstance(each, Meta))
    return next((meta.description or "" for meta in metas), "")


def check_key(key: str) -> None:
    """Raises InvalidInstanceSetting for what is no setting."""
    if key not in KEYS:
        raise InvalidInstanceSetting(f"there is no setting {key}; there are {', '.join(KEYS)}")


def _switch_in(key: str, text: str) -> bool:
    if text.lower() not in _TRUE | _FALSE:
        raise InvalidInstanceSetting(f"{key}: expected true or false")
    return text.lower() in _TRUE


def _named(message: str) -> str:
    """Puts the key in front, in the place of msgspec's path to it."""
    what, _, path = message.partition(" - at `$.")
    key = path.rstrip("`").partition("[")[0]
    if key == "registration":
        what = f"expected {' or '.join(Registration)}"
    return f"{key}: {what}" if path else message
