"""`passerelle peers policy`: what of a peer is taken, and how much of it."""

import click
from msgspec.structs import replace

from deploy.cli.peer_session import with_peering_beside
from deploy.cli.peer_table import tell
from directory.mappings import Strength
from directory.networks.http import GuardedClient
from directory.settings import Settings
from directory.store.database import Database
from federation.peers.growth import DEFAULT_GROWTH_CAP
from federation.peers.peering import Peering
from federation.peers.policy import IN_LOGS, PeerPolicies
from federation.protocol.peer import PeerPolicy
from federation.store.peer_policy import PeerPolicyStore

USUAL = "usual"
_STRENGTH = click.Choice([strength.label for strength in sorted(IN_LOGS, reverse=True)])


def _parse_cap(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    """Parses a number, or the word for no cap of its own. Raises BadParameter."""
    if value in {None, USUAL}:
        return None
    if not str(value).isdecimal():
        raise click.BadParameter(f"a number, or {USUAL}")
    return int(str(value))


@click.command("policy")
@click.argument("peer")
@click.option(
    "--take", multiple=True, type=_STRENGTH, help="A strength to take; repeat it. Others are deleted here."
)
@click.option(
    "--daily-cap",
    metavar="NUMBER|usual",
    callback=_parse_cap,
    default=None,
    help="Mappings to take in a day; `usual`: as many as come.",
)
@click.option(
    "--growth-cap",
    metavar="NUMBER|usual",
    callback=_parse_cap,
    default=None,
    help=f"Entries by which its log may grow in a day; `usual`: {DEFAULT_GROWTH_CAP:,}.",
)
@click.option("--samples", type=int, help="Mappings whose evidence this instance looks at itself each month.")
@click.option(
    "--listed/--unlisted", default=None, help="Whether it is named on the About page and in /api/v1/peers."
)
@click.pass_context
def policy_command(
    context: click.Context,
    *,
    peer: str,
    take: tuple[str, ...],
    daily_cap: int | None,
    growth_cap: int | None,
    samples: int | None,
    listed: bool | None,
) -> None:
    """Show what of PEER is taken, or change it."""
    is_given = {
        name
        for name in ("daily_cap", "growth_cap")
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT
    }

    def changed(before: PeerPolicy) -> PeerPolicy:
        return replace(
            before,
            strengths=frozenset(map(Strength.parse, take)) or before.strengths,
            daily_cap=daily_cap if "daily_cap" in is_given else before.daily_cap,
            growth_cap=growth_cap if "growth_cap" in is_given else before.growth_cap,
            sample_size=before.sample_size if samples is None else samples,
            is_listed=before.is_listed if listed is None else listed,
        )

    async def run(
        peering: Peering, _: Settings, database: Database, __: GuardedClient
    ) -> tuple[str, PeerPolicy, int]:
        found = await peering.find(peer)
        after = changed(found.policy)
        dropped = 0
        if after != found.policy:
            dropped = await PeerPolicies(PeerPolicyStore(database)).change(found, after)
        return found.origin, after, dropped

    origin, policy, dropped = with_peering_beside(run)
    for line in describe_policy(policy):
        tell(f"{origin}: {line}")
    if dropped:
        tell(f"{dropped:,} of its mappings were deleted here, as their strength is not taken any more.")


def describe_policy(policy: PeerPolicy) -> list[str]:
    """Describes a policy in a few lines."""
    taken = ", ".join(strength.label for strength in sorted(policy.strengths, reverse=True))
    daily = (
        "as many mappings a day as come"
        if policy.daily_cap is None
        else f"{policy.daily_cap:,} mappings a day"
    )
    growth = DEFAULT_GROWTH_CAP if policy.growth_cap is None else policy.growth_cap
    return [
        f"takes {taken}: {daily}",
        f"its log may grow by {growth:,} entries a day",
        f"the evidence of {policy.sample_size} mappings is looked at each month",
        "is named on the About page" if policy.is_listed else "is not named on the About page",
    ]
