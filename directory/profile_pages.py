"""Addresses of profiles, and what accounts are called beside them."""

from directory.identifiers import NO_HANDLE, Did, TargetHandle, TargetId


def profile_url(target_id: TargetId) -> str:
    """Returns the profile page of an account: by its DID on Bluesky; elsewhere the actor URI, which servers
    show as a page."""
    return f"https://bsky.app/profile/{target_id}" if isinstance(target_id, Did) else str(target_id)


def called(target_id: TargetId, handle: TargetHandle) -> str:
    """Returns what an account is called: its handle, or its id where no handle leads to it, since all of those share one
    word for that."""
    return str(target_id) if handle == NO_HANDLE else str(handle)
