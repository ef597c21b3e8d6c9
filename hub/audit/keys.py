"""The key that signs seals. It lies in the data folder and never in the database: who can write to the database alone
cannot make the trail look whole. Public keys stay beside it after a rotation, so that old seals can still be checked.

Machines that share one PostgreSQL share this folder too, or each copies its public keys to the others.
"""

from __future__ import annotations

import os
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

_PRIVATE = "audit.key"


def key_id_of(public: Ed25519PublicKey) -> str:
    """The fingerprint of a public key."""
    return sha256(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:32]


class Keys:
    """The folder of keys. A private key is made on first use; checking needs only the public ones.

    A running hub looks at the file each time it signs, so that a key that was changed is in use at once.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._private: Ed25519PrivateKey | None = None
        self._file: tuple[int, int] | None = None  # which file `_private` was read from
        self._public: dict[str, Ed25519PublicKey] = {}

    @property
    def key_id(self) -> str:
        return key_id_of(self._signing_key().public_key())

    def signing(self) -> tuple[str, Callable[[bytes], str]]:
        """The id of the key that signs now, and how it signs."""
        key = self._signing_key()
        return key_id_of(key.public_key()), lambda data: b64encode(key.sign(data)).decode()

    def knows(self, key_id: str) -> bool:
        return self._public_key(key_id) is not None

    def check(self, key_id: str, data: bytes, signature: str) -> bool:
        public = self._public_key(key_id)
        if public is None:
            return False
        try:
            public.verify(b64decode(signature, validate=True), data)
        except (InvalidSignature, ValueError):
            return False
        return True

    def rotate(self) -> str:
        """From now on sign with a new key. Returns its id."""
        self._signing_key()
        path = self.folder / _PRIVATE
        self._fresh(path).replace(path)
        _keep_names(self.folder)
        return self.key_id

    def _signing_key(self) -> Ed25519PrivateKey:
        path = self.folder / _PRIVATE
        if not path.exists():
            self._make(path)
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            identity = status.st_ino, status.st_mtime_ns
            if self._private is not None and identity == self._file:
                return self._private
            loaded = load_pem_private_key(file.read(), password=None)
        if not isinstance(loaded, Ed25519PrivateKey):
            raise ValueError(f"{path} does not hold an Ed25519 key")
        self._keep_public(loaded.public_key())  # also that of a key which was brought here by hand
        self._private, self._file = loaded, identity
        return loaded

    def _make(self, path: Path) -> None:
        """Two processes may start at once: the first to link its file wins, and both read that one."""
        fresh = self._fresh(path)
        with suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
        _keep_names(self.folder)

    def _fresh(self, path: Path) -> Path:
        """A new key in a file of its own, for its owner only."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = Ed25519PrivateKey.generate()
        return _beside(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def _keep_public(self, public: Ed25519PublicKey) -> None:
        """Written whole or not at all: a seal whose public key was lost cannot be checked any more."""
        path = self._public_path(key_id_of(public))
        if not path.exists():
            fresh = _beside(path, public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
            fresh.chmod(0o644)
            fresh.replace(path)
            _keep_names(self.folder)

    def _public_path(self, key_id: str) -> Path:
        return self.folder / f"audit-{key_id}.pub"

    def _public_key(self, key_id: str) -> Ed25519PublicKey | None:
        if key_id not in self._public:
            if not key_id.isalnum() or not self._public_path(key_id).exists():
                return None
            loaded = load_pem_public_key(self._public_path(key_id).read_bytes())
            if not isinstance(loaded, Ed25519PublicKey) or key_id_of(loaded) != key_id:
                return None
            self._public[key_id] = loaded
        return self._public[key_id]


def _beside(path: Path, content: bytes) -> Path:
    """A file for its owner only, on disk, to be put in the place of another."""
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".new", dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _keep_names(folder: Path) -> None:
    """A new file's name is on disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
