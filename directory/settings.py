"""The settings of an instance: one frozen class, read from a TOML file and the environment.

A field `port` is `port = 8000` in the file and `PASSERELLE_PORT=8000` in the environment, which wins.
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from directory.errors import DirectoryError, InvalidIdentifier
from directory.host_names import DEMO_HOSTS, LOCAL_HOST
from directory.identifiers import Acct
from directory.public_address import InvalidAddress, parse_address

PREFIX: Final = "PASSERELLE_"
CONFIG_VARIABLE: Final = "PASSERELLE_CONFIG"
CONFIG_PLACES: Final = (Path("/etc/passerelle.toml"),)
"""Where the settings file is looked for where the variable is not set: here, then in the data folder."""
CONFIG_NAME: Final = "passerelle.toml"
"""Its name in the data folder."""
_LISTS: Final = ("roles", "read_database_url", "no_follows_to", "no_follows_on")
"""Settings of which a text names several, separated by commas."""
_SERVICES: Final = ("plc_url", "bluesky_server", "x_authorize_url", "x_api_url")
_SERVICES_OR_NONE: Final = (
    "bluesky_app_view",
    "handle_resolver",
    "x_syndication",
    "x_oembed",
    "x_oembed_twitter",
    "x_fxtwitter",
)
"""Services of others that are asked at an address; empty: they are not asked."""
_EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not listened on
MOVED: Final = {
    "name": "name",
    "description": "description",
    "contact": "contact",
    "rules": "rules",
    "language": "languages",
    "languages": "languages",
    "registration": "registration",
    "read_only": "read_only",
    "follows_from": "follows_from",
}
"""Names that people may look for in the environment, and the setting of the instance for each
(`directory.instance_settings`)."""
MAX_PORT: Final = 65_535
MAX_WORKERS: Final = 64
MAX_PLACE_CHARS: Final = 2_000
_ELSEWHERE: Final = "https://"


class Role(StrEnum):
    """A role of a process. Any number of processes share the roles over one database."""

    WEB = "web"
    WORKER = "worker"
    SEQUENCER = "sequencer"


class Server(StrEnum):
    """What stands between the socket and the application."""

    HYPERCORN = "hypercorn"
    UVICORN = "uvicorn"
    GRANIAN = "granian"


class InvalidSettings(DirectoryError):
    """A setting, or the settings file, is invalid."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting, its default and its effect. Nothing else is read from the environment."""

    data: Annotated[
        Path | None,
        Meta(
            description="The data folder. Default `var/`; as root `/var/lib/passerelle` where a parent of it is private."
        ),
    ] = None
    database_url: Annotated[
        str | None,
        Meta(
            description="A PostgreSQL 15+ server, `postgresql://user:password@host/name`, instead of the embedded one."
        ),
    ] = None
    read_database_url: Annotated[
        tuple[str, ...],
        Meta(
            description="Replicas of `database_url` (streaming replication), separated by commas: look-ups and lists are read there while they are less than 2 s behind."
        ),
    ] = ()
    database_connections: Annotated[
        int,
        Meta(
            description="How many connections to a database a process keeps at most; one that signs takes 3 more, each replica one more.",
            ge=1,
            le=200,
        ),
    ] = 10
    roles: Annotated[
        frozenset[Role],
        Meta(
            description="What this process does, separated by commas: `web` (pages and API), `worker` (what members wait for: checks of proofs, re-checks, revocations), `sequencer` (publishes in the signed log)."
        ),
    ] = frozenset(Role)
    host: Annotated[
        str,
        Meta(description="The address to listen on. Behind a reverse proxy keep it local.", min_length=1),
    ] = "127.0.0.1"
    port: Annotated[int, Meta(description="The port to listen on.", ge=1, le=65_535)] = 8000
    workers: Annotated[
        int,
        Meta(
            description="How many processes answer on that port, one for each core that they may have. Jobs and the log keep to one.",
            ge=1,
            le=MAX_WORKERS,
        ),
    ] = 1
    server: Annotated[
        Server,
        Meta(
            description="Which server answers: `hypercorn`; `uvicorn` or `granian`, which are extras of the package. Granian belongs behind a proxy."
        ),
    ] = Server.HYPERCORN
    public_url: Annotated[
        str | None,
        Meta(
            description="Where people reach this instance, `https://find.example.org`, without a path or a port. The log is named after it. Default: host and port."
        ),
    ] = None
    trusted_proxies: Annotated[
        int,
        Meta(
            description="How many reverse proxies stand in front: the caller's address is read behind that many.",
            ge=0,
            le=5,
        ),
    ] = 0
    upload_max_mb: Annotated[
        int,
        Meta(
            description="The largest archive, in MB, that the form without JavaScript takes.", ge=1, le=4_096
        ),
    ] = 64
    rate_lookups_per_minute: Annotated[
        int, Meta(description="How many look-ups one address may make a minute. 0: no limit.", ge=0)
    ] = 300
    rate_pages_per_minute: Annotated[
        int,
        Meta(
            description="How many other requests one address may make a minute, for pages and forms. 0: no limit.",
            ge=0,
        ),
    ] = 3_000
    rate_pairs_per_minute: Annotated[
        int, Meta(description="How many people one address may match a minute. 0: no limit.", ge=0)
    ] = 300_000
    matches_at_once: Annotated[
        int, Meta(description="How many large lists are matched at the same time; others wait.", ge=1, le=64)
    ] = 2
    rate_sign_ins_per_minute: Annotated[
        int, Meta(description="How many sign-ins one address may start a minute. 0: no limit.", ge=0)
    ] = 20
    plc_url: Annotated[
        str, Meta(description="The PLC directory that DIDs of Bluesky's network are looked up in.")
    ] = "https://plc.directory"
    bluesky_server: Annotated[
        str, Meta(description="Where “Sign in with Bluesky” leads somebody who typed no name.")
    ] = "https://bsky.social"
    bluesky_app_view: Annotated[
        str,
        Meta(
            description="The service that is asked for names, pictures and moderators' labels of accounts on Bluesky's network. Empty: none."
        ),
    ] = "https://public.api.bsky.app"
    handle_resolver: Annotated[
        str,
        Meta(
            description="A server of Bluesky's network that is asked for handles which neither DNS nor their host tells. Empty: none."
        ),
    ] = ""
    follows: Annotated[
        bool,
        Meta(
            description="Whether members can have people followed for them. `false`: nobody is followed; members can still end and undo what they had begun."
        ),
    ] = True
    no_follows_to: Annotated[
        frozenset[str],
        Meta(
            description="Hosts, separated by commas, whose accounts nobody follows and whose members follow nobody; each means what is below it, too."
        ),
    ] = frozenset()
    no_follows_on: Annotated[
        frozenset[Literal["bluesky", "mastodon"]],
        Meta(
            description="Networks, separated by commas, on which nobody is followed: `bluesky`, `mastodon`."
        ),
    ] = frozenset()
    x_syndication: Annotated[
        str, Meta(description="Where proof posts are read first, with the author's number. Empty: nowhere.")
    ] = "https://cdn.syndication.twimg.com"
    x_oembed: Annotated[
        str, Meta(description="X's documented oEmbed service, which tells the name alone. Empty: not asked.")
    ] = "https://publish.x.com"
    x_oembed_twitter: Annotated[
        str, Meta(description="The same under its former address. Empty: not asked.")
    ] = "https://publish.twitter.com"
    x_fxtwitter: Annotated[
        str,
        Meta(
            description="An FxTwitter-compatible service, for posts and for the website of an X profile. Empty: none."
        ),
    ] = ""
    x_client_id: Annotated[
        str, Meta(description="Your key at X: with it, members can prove an X account by signing in there.")
    ] = ""
    x_client_secret: Annotated[
        str, Meta(description="The secret of that key, where X gave one. Never shown.")
    ] = ""
    x_authorize_url: Annotated[str, Meta(description="Where X asks people for their consent.")] = (
        "https://x.com"
    )
    x_api_url: Annotated[str, Meta(description="Where X's API answers.")] = "https://api.x.com"
    bluesky_account: Annotated[
        str,
        Meta(
            description="The handle of the instance's own account on Bluesky. With it members can have messages about newcomers there."
        ),
    ] = ""
    bluesky_account_server: Annotated[
        str, Meta(description="Where that account signs in: its server, or Bluesky's own entrance.")
    ] = "https://bsky.social"
    bluesky_password_file: Annotated[
        Path | None,
        Meta(
            description="A file with an app password of that account, which allows direct messages. Mode 0600, in a folder of mode 0700."
        ),
    ] = None
    mastodon_account: Annotated[
        str,
        Meta(
            description="The address of the instance's own account on Mastodon, `name@server`. With it members can have messages about newcomers there."
        ),
    ] = ""
    mastodon_token_file: Annotated[
        Path | None,
        Meta(description="A file with an access token of that account. Mode 0600, in a folder of mode 0700."),
    ] = None
    terms: Annotated[
        str,
        Meta(
            description="Your terms of use, at `/terms`: the full path of a plain text file, or an https address elsewhere. Empty: none."
        ),
    ] = ""
    privacy: Annotated[
        str,
        Meta(
            description="Your own words on privacy, likewise. `/privacy` shows them above what the software itself keeps, which it always tells."
        ),
    ] = ""
    notice: Annotated[
        str,
        Meta(description="Your legal notice (who runs this, where), likewise, at `/notice`. Empty: none."),
    ] = ""
    allow_loopback: Annotated[
        bool,
        Meta(
            description="Only for trying out and for tests: servers on this machine may be signed in with, over http."
        ),
    ] = False
    metrics: Annotated[
        bool,
        Meta(
            description="Whether `/metrics` answers, at an address of its own. It tells counts and times, never names."
        ),
    ] = True
    metrics_host: Annotated[
        str,
        Meta(
            description="The address that `/metrics` alone listens on. Keep it local, or in a private network.",
            min_length=1,
        ),
    ] = "127.0.0.1"
    metrics_port: Annotated[
        int, Meta(description="Its port. 0: the one after `port`.", ge=0, le=MAX_PORT)
    ] = 0
    log_format: Annotated[
        Literal["auto", "json", "text"],
        Meta(
            description="How log lines look: `text` for people, `json` for programs, `auto`: text on a terminal."
        ),
    ] = "auto"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least weighty log lines that are written."),
    ] = "info"

    def __post_init__(self) -> None:
        if not self.roles:
            raise ValueError(f"roles must name at least one of {', '.join(Role)}: else nothing would be done")
        if self.public_url is not None:
            _check_public_url(self.public_url)
        if self.database_url is not None and not self.database_url.startswith(
            ("postgresql://", "postgres://")
        ):
            raise ValueError("database_url must start with postgresql://")
        self._check_replicas()
        self._check_own_accounts()
        self._check_services()
        self._check_metrics_address()
        for name in ("terms", "privacy", "notice"):
            if getattr(self, name):
                _check_place(name, getattr(self, name))

    def _check_replicas(self) -> None:
        if self.read_database_url and self.database_url is None:
            raise ValueError("read_database_url needs database_url: the embedded database has no replicas")
        if not all(url.startswith(("postgresql://", "postgres://")) for url in self.read_database_url):
            raise ValueError(
                "read_database_url must be addresses that start with postgresql://, separated by commas (one inside of an address is written %2C)"
            )
        if len(set(self.read_database_url)) < len(self.read_database_url):
            raise ValueError("read_database_url names a replica twice")
        for name, urls in (
            ("database_url", (self.database_url,)),
            ("read_database_url", self.read_database_url),
        ):
            for url in urls:
                _check_database_address(name, url or "")

    def _check_own_accounts(self) -> None:
        if bool(self.bluesky_account) is not (self.bluesky_password_file is not None):
            raise ValueError("bluesky_account and bluesky_password_file go together")
        if bool(self.mastodon_account) is not (self.mastodon_token_file is not None):
            raise ValueError("mastodon_account and mastodon_token_file go together")
        if not _is_service(self.bluesky_account_server):
            raise ValueError("bluesky_account_server must start with https://")
        if self.mastodon_account:
            _check_acct(self.mastodon_account)

    def _check_services(self) -> None:
        for name in _SERVICES + _SERVICES_OR_NONE:
            address = getattr(self, name)
            if not (_is_service(address) or (not address and name in _SERVICES_OR_NONE)):
                raise ValueError(f"{name} must be an address that starts with https://")

    def _check_metrics_address(self) -> None:
        """Raises ValueError where `/metrics` and the pages would take one address from each other."""
        host, port = self.metrics_at
        is_shared = host == self.host or not _EVERYWHERE.isdisjoint((host, self.host))
        if self.metrics and Role.WEB in self.roles and port == self.port and is_shared:
            raise ValueError(
                "metrics_port must be another one than port, or 0: `/metrics` has an address of its own"
            )

    @property
    def processes(self) -> int:
        """How many processes `passerelle serve` has: several that answer, and the one that starts them."""
        return self.workers + 1 if Role.WEB in self.roles and self.workers > 1 else 1

    @property
    def base_url(self) -> str:
        """Where people reach this instance, without a slash at the end."""
        if self.public_url is not None:
            return str(parse_address(self.public_url))
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def metrics_at(self) -> tuple[str, int]:
        """The host and the port of `/metrics`."""
        after = self.port + 1 if self.port < MAX_PORT else self.port - 1
        return self.metrics_host, self.metrics_port or after

    @property
    def domain(self) -> str:
        """The host (and port, if it has one) of `base_url`."""
        return urlsplit(self.base_url).netloc

    @property
    def log_host(self) -> str:
        """The host in the names of the log and its keys: `localhost` where there is no public address, whatever
        this process listens on."""
        return LOCAL_HOST if self.public_url is None else parse_address(self.public_url).log_host

    @property
    def is_https(self) -> bool:
        return self.base_url.startswith("https://")

    @classmethod
    def load(cls, environment: Mapping[str, str], config: Path | None = None) -> Self:
        """Reads the file, then the environment over it.

        Raises InvalidSettings, with a sentence that names the setting.
        """
        values = _read_file(config) if config is not None else {}
        for field in MOVED.keys() & values.keys():
            raise InvalidSettings(_moved(field, field))
        values |= _read_environment(environment, set(cls.__struct_fields__))
        for field in _LISTS:
            if isinstance(text := values.get(field), str):
                values[field] = [part.strip() for part in text.split(",") if part.strip()]
        try:
            return msgspec.convert(values, cls, strict=False, dec_hook=_read_path)
        except (msgspec.ValidationError, ValueError) as error:
            raise InvalidSettings(_named(str(error))) from error


def load_settings(
    environment: Mapping[str, str] = os.environ,
    overrides: Mapping[str, str] | None = None,
    places: Sequence[Path] = CONFIG_PLACES,
) -> Settings:
    """Loads the settings of this process: a settings file, over it the environment, and over both `overrides` by field.
    Raises InvalidSettings."""
    named = {f"{PREFIX}{field.upper()}": value for field, value in (overrides or {}).items()}
    return Settings.load({**environment, **named}, find_config(environment, places))


def find_config(environment: Mapping[str, str], places: Sequence[Path]) -> Path | None:
    """Finds the settings file: the one that PASSERELLE_CONFIG names (none where it is empty), else the first of `places`
    that is there. Returns None where there is none."""
    named = environment.get(CONFIG_VARIABLE)
    if named is not None:
        return Path(named) if named else None
    return next((place for place in places if os.path.lexists(place)), None)


def _read_path(kind: type, value: object) -> Path:
    """Converts a path, the only type of a setting that msgspec does not convert."""
    if kind is not Path or not isinstance(value, str) or not value:
        raise ValueError("expected the path of a folder")
    return Path(value).expanduser()


def _named(message: str) -> str:
    """Replaces msgspec's path in a message by the name of the setting."""
    what, _, path = message.partition(" - at `$.")
    return f"{PREFIX}{path.rstrip('`').partition('[')[0].upper()}: {what}" if path else message


def _check_public_url(url: str) -> None:
    try:
        address = parse_address(url)
    except InvalidAddress as error:
        raise ValueError(f"public_url {error}") from None
    if address.host in DEMO_HOSTS:
        raise ValueError(f"public_url cannot be {address.host}: demo people have their log under that name")


def _check_acct(acct: str) -> None:
    try:
        Acct.parse(acct)
    except InvalidIdentifier as error:
        raise ValueError(f"mastodon_account is {error}") from None


def is_elsewhere(place: str) -> bool:
    """Tells an address elsewhere from the path of a file."""
    return place.startswith(_ELSEWHERE)


def _check_database_address(name: str, url: str) -> None:
    """Raises ValueError where a password was left as it is, and what follows one of its characters would be read as a host, a
    port or a database. The error repeats nothing of it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = None
    if (
        parts is None
        or parts.fragment
        or "@" in parts.path + parts.query
        or not _has_port_or_none(parts.netloc)
    ):
        raise ValueError(
            f"{name} cannot be read: in a password, write # / ? [ ] @ : as %23 %2F %3F %5B %5D %40 %3A"
        )


def _has_port_or_none(netloc: str) -> bool:
    """Several hosts may stand there, each with a port or without."""
    hosts = netloc.rpartition("@")[2].split(",")
    ports = [host.rpartition("]")[2].partition(":") for host in hosts]
    return all(port.isdecimal() or not (colon or port) for _, colon, port in ports)


def _check_place(name: str, place: str) -> None:
    """Raises ValueError for what is neither an https address nor a full path."""
    is_line = place.isprintable() and len(place) <= MAX_PLACE_CHARS
    if not is_line or not (_is_address(place) if is_elsewhere(place) else place.startswith(("/", "~/"))):
        raise ValueError(
            f"{name} must be the full path of a plain text file, or an address that starts with https://"
        )


def _is_service(address: str) -> bool:
    return address.startswith((_ELSEWHERE, "http://")) and _is_address(address)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.hostname) and parts.username is None and text.isascii() and " " not in text


def _moved(name: str, field: str) -> str:
    return f"{name} is kept in the database now: `passerelle settings set {MOVED[field]} …`"


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidSettings(f"the settings file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"the settings file {path} is not TOML: {error}") from error


def _read_environment(environment: Mapping[str, str], fields: set[str]) -> dict[str, str]:
    """Reads the settings in the environment. Raises InvalidSettings on an unknown name, which would have no effect."""
    values = {}
    for name, value in environment.items():
        if not name.startswith(PREFIX) or name == CONFIG_VARIABLE or name.startswith(f"{PREFIX}TEST_"):
            continue
        field = name.removeprefix(PREFIX).lower()
        if field in MOVED:
            raise InvalidSettings(_moved(name, field))
        if field not in fields:
            raise InvalidSettings(f"{name} is not a setting; `passerelle doctor` lists them")
        values[field] = value
    return values
