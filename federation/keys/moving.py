"""Ties the log of an instance's former name to the one of its new name, by documents of both."""

from collections.abc import Sequence

from federation.keys.operations import Operations


def is_same_house(old_chain: Sequence[Operations], new_first: Operations) -> bool:
    """Tells whether the instance of one log goes on in another one: each names a key of the other.

    `old_chain` are the verified documents in force, from the first; `new_first` is the verified first document of the
    other log. A recovery that takes the move back unties the two.
    """
    if not old_chain or new_first.number != 0 or new_first.moved_from is None:
        return False
    if new_first.origin == old_chain[0].origin or old_chain[-1].moved_to != new_first.log_key:
        return False
    return any(
        document.moved_to == new_first.log_key and document.log_key == new_first.moved_from
        for document in old_chain
    )
