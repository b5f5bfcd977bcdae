"""The command and its subcommands. Every foreseen failure is printed as one sentence, never as a traceback."""

import sys
from importlib import import_module
from typing import Any, Final

import click

from deploy.loading import load_logs, nothing_collected
from web.version import VERSION

COMMANDS: Final = {
    "serve": "Run the instance: the pages, the API and the database.",
    "lookup": "Where one X account is now.",
    "match": "Who of an X archive is already here.",
    "demo": "Fill the directory with synthetic people, and make an archive to try.",
    "keys": "Show this instance's keys, or make and rotate them.",
    "fsck": "Check the whole signed log against what was signed.",
    "verify": "Check a proof of one mapping, without any network.",
    "bench": "Measure how fast it is, as ratios to the bare limit.",
    "peers": "Choose the instances that this one follows, and those that may follow it.",
    "proofs": "Decide what only a person can: posts X hides, contested accounts.",
    "hides": "Hide what is said of an X account, and lift it again.",
    "runs": "Show the runs that follow people for members; pause, resume and cancel them.",
    "backup": "Back up the whole instance into one file, while it runs.",
    "restore": "Restore an instance from a backup.",
    "recover": "Let the signed log go on where only its operator can tell what is true.",
    "vault": "Rotate the key under which tokens are sealed, or replace a lost vault.",
    "settings": "What the instance says of itself and lets people do.",
    "doctor": "Say what is wrong here, and how to mend it.",
}


class LazyGroup(click.Group):
    """Imports a command when it is run, so that `--help` and `lookup` start at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        with nothing_collected():
            load_logs()
            command: click.Command = import_module(f"deploy.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="passerelle")
def passerelle() -> None:
    """Find the people you followed on X, wherever they are now.

    Settings are read from PASSERELLE_* variables, and from the file that PASSERELLE_CONFIG names, or
    /etc/passerelle.toml, or passerelle.toml in the data folder; `passerelle doctor --settings` lists them.
    """


def main(arguments: list[str] | None = None) -> Any:
    """Runs the command line and exits: 0 for success, 1 for a failure, 2 for wrong usage."""
    try:
        passerelle.main(arguments, prog_name="passerelle", standalone_mode=False)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort as end:
        if isinstance(end.__context__, EOFError):
            click.echo("\npasserelle: nobody answered, so it ends here: run this on a terminal.", err=True)
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        # Any package may have failed, so that what tells of it knows most of them: it is loaded only now.
        if not import_module("deploy.cli.failures").tell(error):
            raise
        sys.exit(1)
