"""`passerelle doctor`."""

import asyncio
import sys
from typing import Final, get_type_hints

import click
from msgspec import Meta
from rich.markup import escape
from rich.table import Table

from deploy.checks import LOCAL_CHECKS, check_database
from deploy.cli.output import console
from deploy.findings import Finding
from deploy.message_check import look_at_messages
from directory.settings import PREFIX, InvalidSettings, Settings, load_settings

SECRETS: Final = ("database_url", "x_client_secret")


@click.command("doctor")
@click.option(
    "--settings", "list_settings", is_flag=True, help="List every setting, what it is now and what it does."
)
def command(list_settings: bool) -> None:
    """Say what is wrong here, and how to mend it. Ends with 1 where something is."""
    try:
        settings = load_settings()
    except InvalidSettings as error:
        _show([Finding("Settings", False, str(error), "Correct or remove that setting; the list is below.")])
        console.print(settings_table(None))
        sys.exit(1)
    findings = [Finding("Settings", True, "all can be read")]
    findings += [finding for check in LOCAL_CHECKS for finding in check(settings)]
    findings += asyncio.run(check_database(settings))
    findings += asyncio.run(look_at_messages(settings))
    _show(findings)
    if list_settings:
        console.print(settings_table(settings))
    is_good = all(finding.is_good for finding in findings)
    console.print("All is well." if is_good else "Mend what is marked, then run `passerelle doctor` again.")
    sys.exit(0 if is_good else 1)


def _show(findings: list[Finding]) -> None:
    table = Table("", "What", "Seen", "To do", box=None)
    for finding in findings:
        mark = "[green]✓[/]" if finding.is_good else "[bold red]✗[/]"
        table.add_row(
            mark, finding.name, escape(finding.seen), "" if finding.is_good else escape(finding.mend)
        )
    console.print(table)


def settings_table(settings: Settings | None) -> Table:
    """Builds the table of all settings, from the class that holds them; secrets are not shown."""
    table = Table("Setting", "Now", "What it does")
    for name, description in setting_descriptions().items():
        value = getattr(settings, name) if settings is not None else ""
        shown = "(set)" if name in SECRETS and value else _shown(value)
        table.add_row(f"{PREFIX}{name.upper()}", escape(shown), escape(description))
    return table


def _shown(value: object) -> str:
    if isinstance(value, frozenset):
        return ",".join(sorted(value))
    return "" if value is None else str(value)


def setting_descriptions() -> dict[str, str]:
    """Returns the sentence of each setting, by its name."""
    hints = get_type_hints(Settings, include_extras=True)
    return {
        name: next(
            (meta.description or "" for meta in hints[name].__metadata__ if isinstance(meta, Meta)), ""
        )
        for name in Settings.__struct_fields__
    }
