"""Who should be reached: judges every follow without a tick against the truth of the world."""

import enum
from datetime import datetime, timedelta
from typing import Final

import msgspec

from directory.mappings import EvidenceKind, Mapping
from directory.queries import Query
from directory.ranking import Answer, MatchedBy
from tests.worlds.world import MALLORY, OnX, Person, Place, World

NAME_SIGHT: Final = {EvidenceKind.X_OAUTH: timedelta(days=60)}
OTHER_SIGHT: Final = timedelta(days=180)
"""How long after the instance last saw a name it may answer by it, written down once more: the rules are not asked."""


class Asked(msgspec.Struct, frozen=True):
    """A question, and the account on X that whoever asks means."""

    query: Query
    x: OnX


class Verdict(enum.StrEnum):
    """What a follow without a tick came to."""

    RIGHT = "right"
    WRONG = "wrong"
    """It leads to another person, and the instance could know."""
    NAME_PASSED_ON = "name passed on"
    """It was asked by a name that passed on within a year, and whose new bearer has proven nothing yet."""
    BOUGHT_UNSEEN = "bought unseen"
    """The new account's own address passed to another person, before anybody could see that it was dead."""
    SAID_BY_HOLDER = "said by the holder"
    """Whoever held the X account led their own followers elsewhere, and knew it."""


def judge_follow(world: World, asked: Asked, answer: Answer) -> Verdict:
    """Judges a follow without a tick."""
    author, said_by, proven_at = find_proof(world, answer.mapping)
    place = world.place_of(answer.mapping.target_id)
    rightful = asked.x.owner_at(proven_at)
    if place.owner == rightful or _is_said_since(world, asked, place):
        return Verdict.RIGHT
    if author is not asked.x and _is_within_name_rule(world, answer, asked, author):
        return Verdict.NAME_PASSED_ON
    if author is asked.x and place.owner_at(proven_at) == rightful and place.is_bought_unseen:
        return Verdict.BOUGHT_UNSEEN
    is_own_lie = author is asked.x and said_by == rightful == MALLORY
    return Verdict.SAID_BY_HOLDER if is_own_lie else Verdict.WRONG


def find_proof(world: World, mapping: Mapping) -> tuple[OnX, Person, datetime]:
    """Returns the account on X that proved a mapping, who spoke, and when. Of a sign-in at X it is the one that named
    the target: later ones that name nothing only renew it."""
    evidence = mapping.evidence[0]
    if evidence.kind is EvidenceKind.X_OAUTH:
        for x, names, at, said_by in reversed(world.agreed):
            if x.id == mapping.x_id and str(mapping.target_id) in names:
                return x, said_by, at
        x = next(each for each in world.xs if each.id == mapping.x_id)
        return x, x.owner_at(evidence.at), evidence.at
    post = world.posts[int((evidence.ref or "").rpartition("/")[2])]
    return post.author, post.said_by, post.at


def _is_said_since(world: World, asked: Asked, place: Place) -> bool:
    """Whether the asked account was the last to be proven under the asked name, by whoever has the place: the answer may
    be an older one of theirs, for another account of theirs that bore the name before."""
    if asked.query.x_handle is None:
        return False
    at, bearer = world.told.get(asked.query.x_handle.key, (world.now, None))
    return bearer is asked.x and place.owner == asked.x.owner_at(at)


def _is_within_name_rule(world: World, answer: Answer, asked: Asked, author: OnX) -> bool:
    """Whether the answer is what the rule on names allows, and nobody has told the instance better."""
    if asked.query.x_handle is None or answer.matched_by is not MatchedBy.HANDLE:
        return False
    key = asked.query.x_handle.key
    seen_at = answer.mapping.evidence[0].at
    if world.now > seen_at + NAME_SIGHT.get(answer.mapping.evidence[0].kind, OTHER_SIGHT):
        return False
    if asked.query.x_id is not None and asked.query.seen is None:
        return False
    if asked.query.seen is not None and asked.query.seen < (seen_at - timedelta(days=366)).date():
        return False
    told = world.told.get(key)
    return told is None or told[1] is author or told[0] < seen_at
