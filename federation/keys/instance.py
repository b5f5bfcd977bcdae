"""The keys of this instance: one file each in the folder `keys` of the data folder, never in the database.

Back it up apart from the database. Without it nothing more can be signed under this name, except with the recovery
key, which is not in it: that key is shown once, and only its fingerprint is kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from directory.host_names import LOCAL_HOST, is_local_name
from directory.secret_files import SecretFileError, SecretFolder
from directory.settings import Settings
from federation.errors import InvalidKey, MissingKeys, UnsafeKeys
from federation.keys.operations import (
    DIGEST_BYTES,
    LOG_SUFFIX,
    RECOVERY_SUFFIX,
    WITNESS_SUFFIX,
    fingerprint_recovery,
)
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.ed25519 import SEED_BYTES, Seed
from federation.tlog.keys import KeyKind, PrivateKey, VerifierKey
from federation.tlog.merkle import EMPTY_ROOT
from federation.tlog.text import decode_base64, encode_base64

FOLDER: Final = "keys"
LOG_FILE: Final = "log.key"
WITNESS_FILE: Final = "witness.key"
PEER_FILE: Final = "peer.key"
RECOVERY_FILE: Final = "recovery.fingerprint"
MARK_FILE: Final = "signed.checkpoint"
"""The mark of what was signed (`federation.own_log.high_water`). New keys come with one of nothing: without it, nothing
could tell a new log from one whose mark was lost."""
MOVED_FROM_FILE: Final = "moved-from.vkey"
"""The log key of the former name, in the folder of an instance that changed its domain: its first document names it."""
RECOVERY_KEY_FILE: Final = "recovery.key"
"""The recovery key, until the operator takes it off this machine, where no terminal could show it."""
RECOVERY_KEY_FILES: Final = "recovery*.key"
"""That one, and `recovery-<id>.key` where an earlier one is still there: a key that may be in force is never replaced."""
LOG_FILES: Final = "log*.key"
"""The first log key, and `log-<id>.key` for each later one."""
LOCAL_NAME: Final = LOCAL_HOST
MAX_LOG_KEYS: Final = 100
"""The most files of log keys. With more, none would be read: the one in power could be among those left out."""
FULL: Final = "Move the files of retired keys, which `passerelle keys` tells, to a folder of their own: nothing is signed with them."
RECOVER: Final = (
    "Bring the folder of keys back from its backup, or the newest copy of it from the machine where the key was rotated;"
    " if it is lost for good, run `passerelle keys recover` with the recovery key."
)
"""Tells the operator what to do where a key is missing."""
REPLACE: Final = (
    "Put it back from the backup of the folder of keys, or from the newest copy of it. If there is none: where it is a"
    " `log*.key`, move it aside, otherwise the whole folder; then run `passerelle keys recover` with the recovery key,"
    " which makes a new one."
)
"""Tells the operator what to do where a key file is damaged."""

_PEER_PREFIX: Final = "PASSERELLE+PEER+KEY+"


def log_host(settings: Settings) -> str:
    """Returns the host in the names of the log and its keys."""
    return settings.log_host


def is_local(settings: Settings) -> bool:
    """Whether the instance has no public address."""
    return is_local_name(settings.log_host)


def log_origin(settings: Settings) -> str:
    """Returns the origin of this instance's own log, `<host>/log`, which is the origin of its mappings."""
    return log_host(settings) + LOG_SUFFIX


@dataclass(frozen=True, slots=True)
class InstanceKeys:
    """All keys of an instance but the recovery key. Trusted: whoever holds them can sign as the instance."""

    logs: tuple[PrivateKey, ...]
    """The log keys. The operations document in force names those that sign."""
    witness: PrivateKey
    peer: Seed
    recovery: bytes
    """The fingerprint of the recovery key that the first operations document names."""
    moved_from: VerifierKey | None = None
    """The log key of the log of the former name; None where there was none."""

    @property
    def origin(self) -> str:
        return self.logs[0].name

    def find(self, vkey: VerifierKey) -> PrivateKey | None:
        """Finds the log key of a verifier key. Returns None where it is not here."""
        return next((key for key in self.logs if key.vkey == vkey), None)

    def require(self, vkeys: Sequence[VerifierKey]) -> list[PrivateKey]:
        """Returns the private keys of all of these. Raises MissingKeys."""
        found = [self.find(vkey) for vkey in vkeys]
        missing = [str(vkey) for vkey, key in zip(vkeys, found, strict=True) if key is None]
        if missing:
            raise MissingKeys(
                f"the log is signed by {missing[0]}, and its private key is not in the folder of keys",
                RECOVER,
            )
        return [key for key in found if key is not None]


ShowRecoveryKey = Callable[[PrivateKey], bool]
"""Hands a recovery key over before anything names it. Returns True once the operator has seen and confirmed it, False
where nobody can see it: it is then kept in a file. Raises RecoveryNotConfirmed."""


@dataclass(frozen=True, slots=True)
class NewKeys:
    """A new log key and the recovery key that goes with it. The operator gets the second one before anything names it."""

    log: PrivateKey
    recovery: PrivateKey
    is_shown: bool
    """Whether the operator has seen and confirmed the recovery key. Otherwise it is kept in a file for them."""

    @staticmethod
    def generate(host: str, *, is_shown: bool = False) -> "NewKeys":
        return NewKeys(
            PrivateKey.generate(host + LOG_SUFFIX, KeyKind.NOTE),
            PrivateKey.generate(host + RECOVERY_SUFFIX, KeyKind.NOTE),
            is_shown,
        )

    @property
    def host(self) -> str:
        return self.log.name.removesuffix(LOG_SUFFIX)

    def handed_over(self, show: ShowRecoveryKey | None) -> "NewKeys":
        """Shows the recovery key where there is somebody to see it. Raises as `show` does."""
        return replace(self, is_shown=show is not None and show(self.recovery))


def fingerprint_keys(witness: VerifierKey, peer: bytes) -> bytes:
    """Returns what identifies the keys of an instance. Log keys change with rotations; these two stay."""
    return sha256(b"passerelle/keys/v1\0" + str(witness).encode() + b"\0" + peer).digest()


class KeyFolder:
    """The folder of keys. It is read at each use, so that a rotation by another process is seen."""

    def __init__(self, data: Path, name: str = FOLDER) -> None:
        self.path = data / name
        self._folder = SecretFolder(
            path=self.path,
            lost=RECOVER,
            broken=REPLACE,
            what="the key file",
            missing=MissingKeys,
            unsafe=UnsafeKeys,
        )

    def exists(self) -> bool:
        return self.path.is_dir() and any(self.path.iterdir())

    def make(self, host: str) -> PrivateKey | None:
        """Makes all keys of a new instance. Returns the recovery key, which is not kept; None where keys exist."""
        new = NewKeys.generate(host, is_shown=True)
        return new.recovery if self.make_new(new) else None

    def make_new(self, new: NewKeys, moved_from: VerifierKey | None = None) -> bool:
        """Makes the folder of a log that has signed nothing: these keys, new other ones, the fingerprint of the recovery
        key, and the mark of nothing. Where that key was not shown, the folder holds it from the start. `moved_from` is the
        log key of the log that this one goes on from.

        Returns False where keys exist: then nothing was changed.
        """
        former = {} if moved_from is None else {MOVED_FROM_FILE: f"{moved_from}\n"}
        return self._make(new, {MARK_FILE: str(Checkpoint(new.log.name, 0, EMPTY_ROOT)), **former})

    def make_around(self, new: NewKeys) -> bool:
        """Makes the folder as `make_new`, for a log that was begun. The mark stays missing: what the lost folder has
        signed, its operator confirms."""
        return self._make(new, {})

    def _make(self, new: NewKeys, mark: dict[str, str]) -> bool:
        texts = {
            LOG_FILE: new.log.reveal(),
            WITNESS_FILE: PrivateKey.generate(new.host + WITNESS_SUFFIX, KeyKind.COSIGNATURE).reveal(),
            PEER_FILE: _PEER_PREFIX + encode_base64(bytes(Seed.generate())),
            RECOVERY_FILE: fingerprint_recovery(new.recovery.vkey.public_key).hex(),
        }
        if not new.is_shown:
            texts[RECOVERY_KEY_FILE] = new.recovery.reveal()
        files = {name: _line(text) for name, text in texts.items()}
        return self._folder.make(files | {name: text.encode() for name, text in mark.items()})

    def read(self) -> InstanceKeys:
        """Reads all keys. Raises MissingKeys, UnsafeKeys."""
        return InstanceKeys(
            self.read_logs(),
            self._read_key(WITNESS_FILE, KeyKind.COSIGNATURE),
            self.read_peer(),
            self._read_recovery(),
            self._read_moved_from(),
        )

    def read_logs(self) -> tuple[PrivateKey, ...]:
        """Reads the log keys alone, which suffice to check the log. Raises MissingKeys, UnsafeKeys."""
        # `log.key` comes first; after a recovery it may be missing.
        names = sorted(
            (path.name for path in self.path.glob(LOG_FILES)), key=lambda name: (name != LOG_FILE, name)
        )
        if len(names) > MAX_LOG_KEYS:
            raise UnsafeKeys(f"{self.path} holds more than {MAX_LOG_KEYS} log keys", FULL)
        logs = tuple(self._read_key(name, KeyKind.NOTE) for name in names or [LOG_FILE])
        if any(key.name != logs[0].name for key in logs):
            raise UnsafeKeys(f"the log keys in {self.path} are of different logs", RECOVER)
        return logs

    def read_witness(self) -> PrivateKey:
        """Reads the witness key alone. Raises MissingKeys, UnsafeKeys."""
        return self._read_key(WITNESS_FILE, KeyKind.COSIGNATURE)

    def find_unsafe(self) -> list[SecretFileError]:
        """Returns the errors of the folder and its files, whatever their content; none where there is no folder."""
        return self._folder.find_unsafe()

    def fingerprint(self) -> bytes:
        """Returns the fingerprint by which the database identifies the folder. Raises MissingKeys, UnsafeKeys."""
        witness = self._read_key(WITNESS_FILE, KeyKind.COSIGNATURE)
        return fingerprint_keys(witness.vkey, self.read_peer().public_key)

    def add_log_key(self, name: str) -> PrivateKey:
        """Makes a further log key, for a rotation. Durable once it returns."""
        key = PrivateKey.generate(name, KeyKind.NOTE)
        self.keep_log_key(key)
        return key

    def keep_log_key(self, key: PrivateKey) -> None:
        """Adds a further log key. Durable once it returns. Raises FileExistsError, UnsafeKeys."""
        self.check_room()
        self._folder.add(f"log-{key.vkey.key_id.hex()}.key", _line(key.reveal()))

    def check_room(self) -> None:
        """Checks that there is room for another log key. Raises UnsafeKeys."""
        if sum(1 for _ in self.path.glob(LOG_FILES)) >= MAX_LOG_KEYS:
            raise UnsafeKeys(f"{self.path} has no room for more than {MAX_LOG_KEYS} log keys", FULL)

    def put_recovery_key(self, recovery: PrivateKey) -> Path:
        """Writes a recovery key to a file of its own, for the operator to take off this machine. Durable once it
        returns.

        Returns the path of the file.
        """
        name, line = RECOVERY_KEY_FILE, _line(recovery.reveal())
        try:
            self._folder.add(name, line)
        except FileExistsError:
            self._check_recovery_files()
            name = f"recovery-{recovery.vkey.key_id.hex()}.key"
            self._folder.add(name, line)
        return self.path / name

    def list_recovery_keys(self) -> list[Path]:
        """Lists the files with a recovery key that is still on this machine."""
        return sorted(self.path.glob(RECOVERY_KEY_FILES))

    def check_recoverable(self) -> None:
        """Checks before a recovery that what is left in the folder can be used: everything but missing log keys.

        Raises MissingKeys, UnsafeKeys.
        """
        if not self.exists():
            return
        try:
            self.fingerprint()
            self._read_recovery()
        except MissingKeys as error:
            # Not to recover, as for another missing file: that is what is refused here.
            raise MissingKeys(error.seen, REPLACE) from error
        self._check_recovery_files()
        self.check_room()
        for path in self.path.glob(LOG_FILES):
            self._read_key(path.name, KeyKind.NOTE)

    def _check_recovery_files(self) -> None:
        """Checks that nobody else can read or replace the recovery keys that are still here, whatever they hold."""
        with self._folder.opened() as folder:
            for path in self.list_recovery_keys():
                with self._folder.opened_file(folder, path.name):
                    pass

    def _read_key(self, name: str, kind: KeyKind) -> PrivateKey:
        key, why = _parse_key(self._folder.read_text(name))
        if key is None:
            raise self._folder.damaged(name, f"holds no key: {why}")
        if key.kind is not kind:
            raise self._folder.damaged(name, "holds a key for another use")
        return key

    def read_peer(self) -> Seed:
        """Reads the key alone that requests to peers are signed with. Raises MissingKeys, UnsafeKeys."""
        text = self._folder.read_text(PEER_FILE)
        try:
            seed = decode_base64(text.removeprefix(_PEER_PREFIX))
        except ValueError:
            seed = b""
        if not text.startswith(_PEER_PREFIX) or len(seed) != SEED_BYTES:
            raise self._folder.damaged(PEER_FILE, "holds no key")
        return Seed(seed)

    def _read_moved_from(self) -> VerifierKey | None:
        try:
            text = self._folder.read_text(MOVED_FROM_FILE)
        except MissingKeys:
            return None
        try:
            return VerifierKey.parse(text)
        except InvalidKey as error:
            raise self._folder.damaged(MOVED_FROM_FILE, f"holds no key: {error}") from error

    def _read_recovery(self) -> bytes:
        text = self._folder.read_text(RECOVERY_FILE)
        try:
            fingerprint = bytes.fromhex(text)
        except ValueError:
            fingerprint = b""
        if len(fingerprint) != DIGEST_BYTES:
            raise self._folder.damaged(RECOVERY_FILE, "holds no fingerprint")
        return fingerprint


def _parse_key(text: str) -> tuple[PrivateKey | None, str]:
    """Parses a key. Returns it, or None and why: no error leaves this function, since its causes may quote the key."""
    try:
        return PrivateKey.parse(text), ""
    except InvalidKey as error:
        return None, str(error)


def _line(text: str) -> bytes:
    return text.encode("ascii") + b"\n"
