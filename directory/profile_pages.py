"""Addresses of profiles."""

from directory.identifiers import Did, TargetId


def profile_url(target_id: TargetId) -> str:
    """Returns the profile page of an account: by its DID on Bluesky; elsewhere the actor URI, which servers
    show as a page."""
    return f"https://bsky.app/profile/{target_id}" if isinstance(target_id, Did) else str(target_id)
