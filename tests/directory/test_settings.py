"""Settings: read from file and environment, checked at start, documented."""

from pathlib import Path

import msgspec
import pytest

from deploy.settings_file import setting_descriptions
from directory.host_names import DEMO_HOSTS
from directory.settings import InvalidSettings, Role, Settings, load_settings

OPERATIONS = Path(__file__).parent.parent.parent / "docs" / "operations.md"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    config = tmp_path / "passerelle.toml"
    config.write_text('port = 8100\nhost = "::1"\nmetrics = false\n')
    settings = load_settings(
        {"PASSERELLE_CONFIG": str(config), "PASSERELLE_PORT": "8200", "HOME": "/nowhere"}
    )
    assert (settings.port, settings.host, settings.metrics) == (8200, "::1", False)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"PASSERELLE_PORT": "high"}, "PASSERELLE_PORT"),
        ({"PASSERELLE_PORT": "0"}, "PASSERELLE_PORT"),
        ({"PASSERELLE_PROT": "8000"}, "PASSERELLE_PROT is not a setting"),
        ({"PASSERELLE_METRICS": "perhaps"}, "PASSERELLE_METRICS"),
        ({"PASSERELLE_LOG_LEVEL": "loud"}, "PASSERELLE_LOG_LEVEL"),
        ({"PASSERELLE_PUBLIC_URL": "find.example"}, "public_url"),
        ({"PASSERELLE_PUBLIC_URL": "https://find.example/path"}, "public_url"),
        ({"PASSERELLE_PUBLIC_URL": "https://find.example:8443"}, "public_url .*443 is for a local"),
        ({"PASSERELLE_PUBLIC_URL": "https://[2001:db8::1]"}, "public_url .*not a number"),
        ({"PASSERELLE_PUBLIC_URL": "https://[::1"}, "public_url .*cannot be read"),
        ({"PASSERELLE_PUBLIC_URL": "https://xn--a.example"}, "public_url .*not allowed in a registered one"),
        ({"PASSERELLE_PUBLIC_URL": "https://☃.example"}, "public_url .*not allowed in a registered one"),
        ({"PASSERELLE_PUBLIC_URL": "https://find.exam\nple"}, "public_url .*character"),
        ({"PASSERELLE_DATABASE_URL": "mysql://x"}, "database_url"),
        ({"PASSERELLE_DATA": ""}, "PASSERELLE_DATA"),
        ({"PASSERELLE_NAME": "x"}, "PASSERELLE_NAME is kept in the database now: .*settings set name"),
        ({"PASSERELLE_LANGUAGE": "fr"}, "PASSERELLE_LANGUAGE is kept in the database now: .*set languages"),
        ({"PASSERELLE_NO_FOLLOWS_ON": "x"}, "PASSERELLE_NO_FOLLOWS_ON"),
        ({"PASSERELLE_ROLES": "web,cook"}, "PASSERELLE_ROLES: Invalid enum value 'cook'"),
        ({"PASSERELLE_ROLES": " , "}, "at least one of web, worker, sequencer"),
        ({"PASSERELLE_MASTODON_ACCOUNT": "bot@bot.test"}, "mastodon_account and mastodon_token_file"),
        ({"PASSERELLE_BLUESKY_PASSWORD_FILE": "/x"}, "bluesky_account and bluesky_password_file"),
        ({"PASSERELLE_MASTODON_ACCOUNT": "bot", "PASSERELLE_MASTODON_TOKEN_FILE": "/x"}, "server is missing"),
        ({"PASSERELLE_BLUESKY_ACCOUNT_SERVER": "bsky.social"}, "must start with https"),
        ({"PASSERELLE_CONFIG": "/nowhere/at/all.toml"}, "cannot be read"),
    ],
)
def test_what_cannot_be_is_named(environment: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidSettings, match=said):
        load_settings(environment)


@pytest.mark.parametrize("line", ['roles = ["web", "worker"]', 'roles = "web, worker"'])
def test_roles_are_named_one_by_one(tmp_path: Path, line: str) -> None:
    config = tmp_path / "passerelle.toml"
    config.write_text(line)
    assert load_settings({"PASSERELLE_CONFIG": str(config)}).roles == {Role.WEB, Role.WORKER}
    assert load_settings({"PASSERELLE_ROLES": "sequencer"}).roles == {Role.SEQUENCER}
    assert Settings().roles == set(Role), "all, where nothing is said"


def test_the_file_says_too_what_moved_to_the_database(tmp_path: Path) -> None:
    config = tmp_path / "passerelle.toml"
    config.write_text('contact = "ada@find.example"')
    with pytest.raises(InvalidSettings, match=r"contact is kept in the database now: .*set contact"):
        load_settings({"PASSERELLE_CONFIG": str(config)})


def test_a_file_that_is_not_toml(tmp_path: Path) -> None:
    config = tmp_path / "passerelle.toml"
    config.write_bytes(b"port: 8000\xff")
    with pytest.raises(InvalidSettings, match="not TOML"):
        load_settings({"PASSERELLE_CONFIG": str(config)})


def test_every_setting_is_documented() -> None:
    text = OPERATIONS.read_text(encoding="utf-8")
    for name, description in setting_descriptions().items():
        assert description, name
        assert f"| `PASSERELLE_{name.upper()}` |" in text, name
        assert description in text, name


def test_addresses() -> None:
    assert Settings(port=8001).base_url == "http://127.0.0.1:8001"
    public = Settings(public_url="https://find.example/")
    assert (public.base_url, public.domain, public.is_https) == ("https://find.example", "find.example", True)


@pytest.mark.parametrize(
    "typed", ["https://Find.Example", "HTTPS://FIND.EXAMPLE:443/", "https://find.example."]
)
def test_one_address_has_one_spelling(typed: str) -> None:
    """Attack by slip: `https://Find.Example` began the log `Find.Example/log` for ever, a second log of its host;
    and browsers, who send their origin in lower case, could send no form."""
    settings = load_settings({"PASSERELLE_PUBLIC_URL": typed})
    assert (settings.base_url, settings.domain) == ("https://find.example", "find.example")


def test_an_address_to_listen_on_names_no_log() -> None:
    """`http://::1:8000` was no address at all, and began the log `::1:8000/log`."""
    settings = Settings(host="::1")
    assert (settings.base_url, settings.log_host) == ("http://[::1]:8000", "localhost")


@pytest.mark.parametrize("host", DEMO_HOSTS)
def test_no_instance_has_the_name_of_demo_people(host: str) -> None:
    """Attack by slip: its log would be taken for theirs, and `passerelle demo --remove` would take out its members."""
    with pytest.raises(InvalidSettings, match="demo people"):
        load_settings({"PASSERELLE_PUBLIC_URL": f"http://{host}:8000"})


def test_instances_on_one_machine_have_logs_of_their_own() -> None:
    settings = load_settings({"PASSERELLE_PUBLIC_URL": "http://One.localhost:8001"})
    assert (settings.domain, settings.log_host) == ("one.localhost:8001", "one.localhost")


@pytest.mark.parametrize("name", ["database_url", "read_database_url"])
@pytest.mark.parametrize("password", ["s3cr#et", "s3c/ret", "s3c?ret", "s3[cret", "1#ret", "1/ret", "1?ret"])
def test_a_password_that_was_left_as_it_is_is_not_told(name: str, password: str) -> None:
    """A part of it was read as a port or a host, and stood in the log and in what `doctor` says."""
    url = f"postgresql://u:{password}@db.example:5432/x"
    of_replica = name == "read_database_url"
    primary, replicas = ("postgresql://u@db.example/x", (url,)) if of_replica else (url, ())
    with pytest.raises(ValueError, match=f"{name} cannot be read: in a password") as raised:
        Settings(database_url=primary, read_database_url=replicas)
    assert "ret" not in str(raised.value).replace("read", "")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///x?host=/run/postgresql",
        "postgresql://u:p%23%40@[::1]:5432/x",
        "postgresql://u@one.example:5432,two.example/x?target_session_attrs=any",
    ],
)
def test_an_address_of_a_database_may_be_of_any_kind(url: str) -> None:
    assert Settings(database_url=url).database_url == url


@pytest.mark.parametrize("name", ["host", "metrics_host"])
def test_an_empty_address_to_listen_on_is_refused(name: str) -> None:
    """Attack by slip: `PASSERELLE_HOST=$ADDRESS` with nothing in it listened everywhere, past the reverse proxy."""
    with pytest.raises(InvalidSettings, match=f"PASSERELLE_{name.upper()}: "):
        load_settings({f"PASSERELLE_{name.upper()}": ""})


@pytest.mark.parametrize("name", ["plc_url", "x_authorize_url", "x_api_url", "x_oembed", "handle_resolver"])
@pytest.mark.parametrize("typed", ["plc.example", "htps://plc.example", "https://", "https:/plc.example"])
def test_a_service_without_an_address_is_refused(name: str, typed: str) -> None:
    """It started, and everything that needed the service failed at a host without a name."""
    with pytest.raises(InvalidSettings, match=f"{name} must be an address that starts with https://"):
        load_settings({f"PASSERELLE_{name.upper()}": typed})


def test_every_service_is_held_to_an_address() -> None:
    """A setting for another service is known by its default."""
    services = [
        name
        for name, value in msgspec.structs.asdict(Settings()).items()
        if str(value).startswith("https://")
    ]
    assert len(services) > 5
    for name in services:
        with pytest.raises(InvalidSettings, match=f"{name} must .*https://"):
            load_settings({f"PASSERELLE_{name.upper()}": "service.example"})


def test_some_services_can_be_left_out() -> None:
    assert load_settings({"PASSERELLE_X_OEMBED": ""}).x_oembed == ""
    with pytest.raises(InvalidSettings, match="plc_url must be"):
        load_settings({"PASSERELLE_PLC_URL": ""})


@pytest.mark.parametrize(
    ("host", "metrics_host"), [("127.0.0.1",) * 2, ("::", "127.0.0.1"), ("127.0.0.1", "::")]
)
def test_metrics_and_pages_do_not_share_an_address(host: str, metrics_host: str) -> None:
    """Whichever listened later ended with a traceback."""
    with pytest.raises(ValueError, match="metrics_port must be another one"):
        Settings(host=host, metrics_host=metrics_host, metrics_port=8000)
    assert Settings(host=host, metrics_host=metrics_host, metrics_port=8000, metrics=False)
    assert Settings(host=host, metrics_host=metrics_host, metrics_port=8000, roles=frozenset({Role.WORKER}))
    assert Settings(host="127.0.0.1", metrics_host="127.0.0.2", metrics_port=8000)
