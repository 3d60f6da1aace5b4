"""The key of a device, to which sessions are bound."""

from __future__ import annotations

from typing import Mapping, Protocol


class Signer(Protocol):
    """A private key as it is used: of ECDSA on P-256, or Ed25519."""

    @property
    def algorithm(self) -> str:
        """Is ``ES256`` or ``EdDSA``."""

    @property
    def jwk(self) -> Mapping[str, str]:
        """Is the public key: ``kty``, ``crv``, ``x`` and, on P-256, ``y`` (RFC 7517)."""

    def sign(self, message: bytes) -> bytes:
        """Returns the signature of a message: 64 bytes, on P-256 r and s (RFC 7518, 3.4)."""


class Key(Protocol):
    """The key of a device. It is the identity of the installation, too. Clients may share it.

    Each method may raise. ``signer`` is called before each use, so that a key which another process
    has forgotten is not used again. It and ``sign`` must be quick, because asynchronous clients
    call them on the event loop.
    """

    def signer(self) -> Signer:
        """Returns the key, and makes one if there is none."""

    def forget(self) -> None:
        """Forgets the key: the next call of ``signer`` returns another one."""
