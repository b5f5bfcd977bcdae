"""`passerelle serve`."""

import click

from deploy.cli.recovery import ensure_keys
from deploy.database import data_folder, running_database
from deploy.serve import check_port_free, run_server
from directory.logs import configure_logs
from directory.settings import load_settings


@click.command("serve")
@click.option(
    "--port", type=click.IntRange(1, 65_535), help="Listen here instead of the port of the settings."
)
def command(port: int | None) -> None:
    """Run the instance: the pages, the API and the database. Ctrl-C stops all of it."""
    settings = load_settings(overrides={"port": str(port)} if port else {})
    configure_logs(settings.log_format, settings.log_level)
    check_port_free(settings.host, settings.port)
    with running_database(settings, is_kept=True) as dsn:
        ensure_keys(settings)
        click.echo(
            f"Passerelle: {settings.base_url}  (data in {data_folder(settings)}; Ctrl-C stops it)", err=True
        )
        run_server(settings, dsn)
