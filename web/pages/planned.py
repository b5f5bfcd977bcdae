"""A plan of one form, and what is worked out from it: its bridged accounts, its estimates, its blocks and mutes."""

from collections.abc import Mapping, Sequence

import msgspec

from directory.accounts import LinkedAccount, TargetAccount
from directory.follows.estimate import estimate
from directory.follows.plan import Wishes, may_be_bridged, plan_follows, with_bridges
from directory.follows.refusals import plan_refusals
from directory.follows.runs import Plan, RunKind
from directory.mappings import Network
from directory.queries import Query
from directory.ranking import Match
from directory.services.bridging import Bridging
from web.pages.follow_form import Do, FollowForm
from web.pages.plan_rows import Span

_NEED_NO_BRIDGE = frozenset({Do.SHOW, Do.BLOCK, Do.MUTE, Do.BLOCKS, Do.MUTES})


class Planned(msgspec.Struct, frozen=True):
    """A plan, and what it was made from. `uploaded` are the people of an uploaded list who were found."""

    form: FollowForm
    account: LinkedAccount
    accounts: Sequence[LinkedAccount]
    uploaded: Sequence[Query]
    matches: Sequence[Match]
    toggled: frozenset[str]
    wishes: Wishes
    plan: Plan
    bridges: frozenset[str] = frozenset()
    """Whose bridged accounts are ticked: people on the other network only, by the texts of their ids."""
    are_unseen: bool = False
    """Whether bridged accounts that were ticked were not seen at the bridge when they were needed."""
    notices: Sequence[str] = ()
    """What the member should know of the archive that they sent."""

    @property
    def network(self) -> Network:
        return self.wishes.network


async def look_at_bridges(bridging: Bridging, planned: Planned) -> Planned:
    """Takes those bridged accounts into the plan that are ticked and are seen at the bridge now. Where one is not, nothing
    is done, and its tick is gone: the form's word is not trusted."""
    if not planned.bridges or planned.form.do in _NEED_NO_BRIDGE:
        return planned
    others = may_be_bridged(planned.plan)
    asked = [account for key in sorted(planned.bridges) if (account := others[key].account) is not None]
    found = open_ones(planned.wishes, await bridging.look_again(asked))
    if len(found) < len(planned.bridges):
        return msgspec.structs.replace(planned, bridges=frozenset(found), are_unseen=True)
    return msgspec.structs.replace(planned, plan=with_bridges(planned.plan, found), bridges=frozenset())


def open_ones(wishes: Wishes, found: Mapping[str, TargetAccount]) -> dict[str, TargetAccount]:
    """Returns the bridged accounts that operators let people follow, on the network of the plan."""
    return {
        key: account
        for key, account in found.items()
        if account.network.target is wishes.network and not wishes.is_closed(account)
    }


def estimate_elsewhere(planned: Planned) -> tuple[int, Span] | None:
    """Returns how many of the list could be followed on the other network, and how long that takes. None where nobody."""
    (other,) = set(Network) - {planned.network}
    wishes = Wishes(other, planned.wishes.is_ticked, planned.wishes.own, is_closed=planned.wishes.is_closed)
    count = len(plan_follows(planned.matches, wishes).wanted)
    return (count, Span.of(estimate(other, count))) if count else None


def count_refusals(planned: Planned, kind: RunKind) -> int:
    return len(plan_refusals(planned.matches, kind, planned.wishes).wanted)
