"""The errors the federation raises. They know no HTTP: `web.errors` maps them."""

from directory.secret_files import MissingSecret, UnsafeSecret


class FederationError(Exception):
    """Something between instances, or in our own log, could not be done or must not be believed."""


class Malformed(FederationError):
    """Bytes from outside are not what they were taken for; each format has its own subclass."""


class InvalidKey(Malformed):
    """A text is not a verifier key or a private key of a kind that we use."""


class InvalidNote(Malformed):
    """Bytes are not a signed note, or a value cannot be written as one."""


class InvalidCheckpoint(Malformed):
    """A note is not a checkpoint, or it is one of another log."""


class InvalidCosignature(Malformed):
    """A signature is not a timestamped cosignature."""


class InvalidTile(Malformed):
    """A path or some bytes are not a tile of the tree."""


class InvalidBundle(Malformed):
    """Bytes are not an entry bundle of the width that was asked for."""


class InvalidTlogProof(Malformed):
    """Bytes are not a tlog-proof."""


class InvalidEntry(Malformed):
    """A value cannot be written as an entry of the log."""


class InvalidStatement(Malformed):
    """Bytes are not the canonical body of a mapping, or a mapping cannot be said in one."""


class InvalidOperations(Malformed):
    """A text is not an operations document, or a value cannot be written as one."""


class UntrustedNote(FederationError):
    """No key that we trust has signed this note, or a signature under such a key is wrong."""


class UntrustedOperations(FederationError):
    """An operations document does not follow from the one before it."""


class InvalidProof(FederationError):
    """A Merkle proof does not lead from what it starts with to the root."""


class MissingKeys(MissingSecret):
    """A key of this instance is not where it should be; nothing was signed."""


class UnsafeKeys(UnsafeSecret):
    """A key file could be read or replaced by others, or is no key file; nothing was signed with it."""


class LogRefused(FederationError):
    """What is kept of our own log is in doubt: nothing is signed before a person has looked at it."""

    def __init__(self, why: str, *, mend: str = "") -> None:
        """`mend` is a sentence for the operator: what to do."""
        super().__init__(why)
        self.mend = mend


class LogWaits(FederationError):
    """Our own log cannot be written just now, and nothing is in doubt: it is tried again by itself."""


class LogEmpty(FederationError):
    """Our own log has published nothing yet."""


class UnknownLeaf(FederationError):
    """A log has no such leaf, or what it said there has been withdrawn and erased."""


class UnknownPeer(FederationError):
    """An origin is not a peer of this instance."""


class StandingRefused(FederationError):
    """The standing of a peer cannot be changed so."""
