"""The errors the federation raises. They know no HTTP: `web.errors` maps them."""

from directory.host_names import LOCAL_HOST
from directory.secret_files import MissingSecret, UnsafeSecret


class FederationError(Exception):
    """An operation between instances or on our own log failed, or its data must not be trusted."""


class Malformed(FederationError):
    """Bytes from outside are not in the expected format; each format has its own subclass."""


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


class InvalidEvidence(Malformed):
    """Bytes are not evidence of an equivocation, or values cannot be written as one."""


class InvalidEntry(Malformed):
    """A value cannot be written as an entry of the log."""


class InvalidStatement(Malformed):
    """Bytes are not the canonical body of a mapping, or a mapping cannot be encoded as one."""


class InvalidBodies(Malformed):
    """Bytes are not the answers of a log for the leaves of a bundle, or a value cannot be written as one."""


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
    """Our own log, its keys or the clock are in doubt: nothing is signed until the operator has settled it."""

    def __init__(self, why: str, *, mend: str = "") -> None:
        """`mend` is a sentence for the operator: what to do."""
        super().__init__(why)
        self.mend = mend


class OtherName(LogRefused):
    """The keys are those of a log of another name than this instance has now."""

    def __init__(self, keys: str, instance: str) -> None:
        """Both are origins of logs."""
        mend = (
            "Run `passerelle keys leave-localhost`, which begins a log of the new name."
            if keys == f"{LOCAL_HOST}/log"
            else "Set PASSERELLE_PUBLIC_URL to the address that the log is named after; to change it, see docs/operations.md,"
            ' "Changing your domain".'
        )
        super().__init__(f"the keys are those of {keys}, and this instance is {instance}", mend=mend)


class DatabaseIsOlder(LogRefused):
    """Our own log holds less than this instance has signed: nobody here knows what was withdrawn since."""


class LogWaits(FederationError):
    """Our own log cannot be written at the moment. Nothing is in doubt; the write is retried."""


class LogEmpty(FederationError):
    """Our own log has published nothing yet."""


class RecoveryNotConfirmed(FederationError):
    """The new recovery key was not confirmed; nothing was changed, and the key that was shown serves nothing."""


class UnknownLeaf(FederationError):
    """A log has no such leaf, or its mapping was withdrawn and erased."""


class InvariantBroken(FederationError):
    """A leaf of a log holds, and no body was served for it in time."""


class UnknownPeer(FederationError):
    """An origin is not a peer of this instance."""


class StandingRefused(FederationError):
    """A change of a peer's standing is refused."""


class InvalidAddCheckpoint(Malformed):
    """Bytes are not a request to cosign a checkpoint, or not the answer to one."""


class UnknownLog(FederationError):
    """A log is not one that this witness cosigns."""


class OtherSize(FederationError):
    """The size that a request begins with is not the one that this witness has cosigned last."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the size cosigned last is {size}")
        self.size = size


class WitnessWaits(FederationError):
    """This witness cannot cosign at the moment. Nothing is in doubt about the log."""


class EvidenceRefused(FederationError):
    """Evidence does not prove that a log which we know has forked."""


class InvalidDescriptor(Malformed):
    """Bytes are not the descriptor of an instance."""


class UntrustedRequest(FederationError):
    """A request is not signed by the peer that it names, or it is too old, or was answered already."""


class PeerRefused(FederationError):
    """A peer asks for something that it is not given."""


class TooManyRequests(FederationError):
    """A peer, or all strangers together, have asked for more than they are given at the moment."""

    def __init__(self, why: str, retry_after_s: int) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s


class PeeringRefused(FederationError):
    """Another instance cannot be taken up as a peer."""


class IntroductionFailed(PeeringRefused):
    """An address does not lead to an instance that can be a peer."""


class RequestFailed(FederationError):
    """A peer did not answer a request of ours as it should."""
