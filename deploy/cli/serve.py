"""`passerelle serve`."""

import asyncio

import click

from deploy.cli.recovery import show_to, tell_new_keys
from deploy.database import data_folder, running_database
from deploy.ports import check_port_free
from deploy.serve import run_instance
from deploy.servers.choosing import check_server
from deploy.settings_file import own_settings
from deploy.wiring.identity import settle_start
from deploy.wiring.log import key_folder
from directory.logs import configure_logs
from directory.operator_texts import read_operator_texts
from directory.settings import Role, Settings


@click.command("serve")
@click.option(
    "--port", type=click.IntRange(1, 65_535), help="Listen here instead of the port of the settings."
)
def command(port: int | None) -> None:
    """Run the instance: the pages, the API and the database. Ctrl-C stops all of it."""
    settings = own_settings({"port": str(port)} if port else {})
    configure_logs(settings.log_format, settings.log_level)
    if Role.WEB in settings.roles:
        check_server(settings)
        check_port_free(settings.host, settings.port)
        read_operator_texts(settings)  # before the database starts: what is wrong is told at once
    with running_database(settings, is_kept=True) as dsn:
        new = asyncio.run(settle_start(settings, dsn, show_to(settings)))
        if new is not None:
            tell_new_keys(key_folder(settings), new)
        click.echo(_greeting(settings), err=True)
        run_instance(settings, dsn)


def _greeting(settings: Settings) -> str:
    where = settings.base_url if Role.WEB in settings.roles else f"only {', '.join(sorted(settings.roles))}"
    return f"Passerelle: {where}  (data in {data_folder(settings)}; Ctrl-C stops it)"
