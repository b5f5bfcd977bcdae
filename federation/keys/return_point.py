"""To which size a reader goes back when a recovery says up to where the log was right."""

from federation.keys.operations import RightTree


def size_to_read_from(kept_size: int, right: RightTree, kept_root: bytes | None) -> int:
    """Returns the size from which a reader reads on after a recovery; what it kept beyond is given up.

    `kept_root` is the root of the reader's own tree at `right.size`, None where the reader has not come so far. A reader
    that has not gives up nothing; what it reads next must lead to `right.root`. One whose tree differs there already
    begins anew.
    """
    if kept_size < right.size or kept_root is None:
        return kept_size
    return right.size if kept_root == right.root else 0
