"""`passerelle doctor`."""

import asyncio
import sys
from collections.abc import Iterator
from typing import Final

import click
from rich.markup import escape

from deploy.checks import LOCAL_CHECKS, Check, check_database
from deploy.cli.output import console
from deploy.findings import Finding
from deploy.message_check import look_at_messages
from deploy.settings_file import config_places, example, own_config, own_settings, setting_descriptions
from directory.settings import PREFIX, InvalidSettings, Settings

SECRETS: Final = ("database_url", "read_database_url", "x_client_secret")


@click.command("doctor")
@click.option(
    "--settings", "list_settings", is_flag=True, help="List every setting, what it is now and what it does."
)
@click.option(
    "--example", "is_example", is_flag=True, help="Print an example of the settings file, and nothing else."
)
def command(*, list_settings: bool, is_example: bool) -> None:
    """Say what is wrong here, and how to mend it. Ends with 1 where something is."""
    if is_example:
        click.echo(example(), nl=False)
        return
    try:
        settings = own_settings()
    except InvalidSettings as error:
        _show([Finding("Settings", False, str(error), "Correct or remove that setting; the list is below.")])
        show_settings(None)
        sys.exit(1)
    findings = [_look_at_config()]
    findings += [finding for check in LOCAL_CHECKS for finding in _found_by(check, settings)]
    findings += asyncio.run(check_database(settings))
    findings += asyncio.run(look_at_messages(settings))
    _show(findings)
    if list_settings:
        show_settings(settings)
    is_good = all(finding.is_good for finding in findings)
    console.print("All is well." if is_good else "Mend what is marked, then run `passerelle doctor` again.")
    sys.exit(0 if is_good else 1)


def _found_by(check: Check, settings: Settings) -> Iterator[Finding]:
    """Yields what a check finds. What the system keeps from it is a finding too: the other checks go on."""
    try:
        yield from check(settings)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        mend = "Mend that: what was to be looked at there was not."
        yield Finding("Not looked at", False, f"{where}{error.strerror or error}", mend)


def _look_at_config() -> Finding:
    config = own_config()
    places = " and ".join(str(place) for place in config_places())
    return Finding(
        "Settings", True, f"from {config}" if config else f"no file in {places}; from the environment alone"
    )


def _show(findings: list[Finding]) -> None:
    """Shows what was found, without a table: its columns would cut what has to be copied."""
    for finding in findings:
        mark = "[green]✓[/]" if finding.is_good else "[bold red]✗[/]"
        _say(f"{mark}  [bold]{escape(finding.name)}[/]  {escape(finding.seen)}")
        if not finding.is_good and finding.mend:
            _say(f"   → {escape(finding.mend)}")


def show_settings(settings: Settings | None) -> None:
    """Shows all settings, from the class that holds them; what is secret is not shown."""
    for name, description in setting_descriptions().items():
        value = getattr(settings, name) if settings is not None else None
        shown = "(set)" if name in SECRETS and value else _shown(value)
        now = "" if settings is None else f" = {escape(shown)}"
        _say(f"[bold]{PREFIX}{name.upper()}[/]{now}\n  {escape(description)}")


def _say(text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True)


def _shown(value: object) -> str:
    if isinstance(value, frozenset | tuple):
        return ",".join(sorted(value))
    return "" if value is None else str(value)
