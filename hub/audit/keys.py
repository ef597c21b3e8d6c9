"""The key that signs seals. It lies in the data folder and never in the database: who can write to the database alone
cannot make the trail look whole. Public keys stay beside it after a rotation, so that old seals can still be checked.

Machines that share one PostgreSQL share this folder too, or each copies its public keys to the others.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
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
    """The folder of keys. A private key is made on first use; checking needs only the public ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._private: Ed25519PrivateKey | None = None
        self._public: dict[str, Ed25519PublicKey] = {}

    @property
    def key_id(self) -> str:
        return key_id_of(self._signing_key().public_key())

    def sign(self, data: bytes) -> str:
        return b64encode(self._signing_key().sign(data)).decode()

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
        """From now on sign with a new key; a running hub does so after its next start. Returns the new key's id."""
        self._signing_key()
        (self.folder / _PRIVATE).unlink()
        self._private = None
        return self.key_id

    def _signing_key(self) -> Ed25519PrivateKey:
        if self._private is None:
            path = self.folder / _PRIVATE
            if not path.exists():
                self._make(path)
            loaded = load_pem_private_key(path.read_bytes(), password=None)
            if not isinstance(loaded, Ed25519PrivateKey):
                raise ValueError(f"{path} does not hold an Ed25519 key")
            self._private = loaded
            self._keep_public(loaded.public_key())
        return self._private

    def _make(self, path: Path) -> None:
        """Two processes may start at once: the first to link its file wins, and both read that one."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()

    def _keep_public(self, public: Ed25519PublicKey) -> None:
        path = self._public_path(key_id_of(public))
        if not path.exists():
            path.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

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
