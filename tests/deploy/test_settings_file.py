"""The settings file: found in its places by every command, and an example of it made from the code."""

import tomllib
from pathlib import Path

import pytest

from deploy.settings_file import EXAMPLE, config_places, example
from directory.settings import InvalidSettings, Settings, load_settings
from tests.harness.forking import Forks


def test_a_file_is_found_where_none_is_named(tmp_path: Path) -> None:
    first, second = tmp_path / "etc.toml", tmp_path / "data.toml"
    places = (first, second)
    assert load_settings({}, places=places).port == Settings().port
    second.write_text("port = 8102")
    assert load_settings({}, places=places).port == 8102
    first.write_text("port = 8101")
    assert load_settings({}, places=places).port == 8101
    assert load_settings({"PASSERELLE_CONFIG": str(second)}, places=places).port == 8102
    assert load_settings({"PASSERELLE_CONFIG": ""}, places=places).port == Settings().port
    assert load_settings({"PASSERELLE_PORT": "8103"}, places=places).port == 8103
    first.unlink()
    first.symlink_to(tmp_path / "nowhere")
    with pytest.raises(InvalidSettings, match="cannot be read"):
        load_settings({}, places=places)


def test_the_places_are_etc_and_the_data_folder() -> None:
    assert config_places({"PASSERELLE_DATA": "/srv/data"}) == (
        Path("/etc/passerelle.toml"),
        Path("/srv/data/passerelle.toml"),
    )


def test_commands_read_the_file_in_the_data_folder(tmp_path: Path, dsn: str) -> None:
    """A service had its settings, and a command at the terminal spoke of another database, an empty one."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "passerelle.toml").write_text(f'database_url = "{dsn}"\n')
    command = Forks(tmp_path, {"data": str(data)})
    assert f"from {data}/passerelle.toml" in command.run("doctor").out
    for words in (["keys"], ["lookup", "@nobody"], ["settings", "get", "name"], ["backup", "one.backup"]):
        shown = command.run(*words)
        assert not (data / "postgres").exists(), (words, shown)


def test_the_example_holds_every_setting_with_its_default(tmp_path: Path) -> None:
    """`passerelle doctor --example > deploy/passerelle.example.toml` writes it anew."""
    assert EXAMPLE.read_text(encoding="utf-8") == example()
    assert Forks(tmp_path).run("doctor", "--example").out == example()
    lines = [
        line.removeprefix("#") for line in example().splitlines() if line.startswith("#") and line[1:2] != " "
    ]
    read = tomllib.loads("\n".join(lines))
    assert set(read) == set(Settings.__struct_fields__)
    given = {name: value for name, value in read.items() if value != "" or getattr(Settings(), name) == ""}
    file = tmp_path / "all.toml"
    file.write_text("\n".join(line for line in lines if line.partition(" ")[0] in given))
    assert load_settings({}, places=(file,)) == Settings()
