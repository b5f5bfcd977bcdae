"""`passerelle lookup`."""

import sys

import click

from deploy.cli.output import console
from deploy.cli.session import with_lookup
from deploy.cli.tables import answers_table
from directory.queries import Query
from web.api.schema import as_json, lookup_out


@click.command("lookup")
@click.argument("account")
@click.option("--json", "as_json_document", is_flag=True, help="Print what the API would answer.")
def command(account: str, as_json_document: bool) -> None:
    """Where one X account is now.

    ACCOUNT is @name, the number of the account, or the address of its profile.
    """
    query = Query.parse(account)
    match = with_lookup(lambda lookup: lookup.lookup(query))
    if as_json_document:
        click.echo(as_json(lookup_out(match)))
    elif match.answers:
        console.print(answers_table([match]))
    else:
        console.print(f"Nobody has said yet where {account} is now.")
    sys.exit(0 if match.answers else 1)
