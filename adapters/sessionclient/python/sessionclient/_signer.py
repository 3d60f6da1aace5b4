"""Private keys of devices, by the library cryptography: the only module that needs it."""

from __future__ import annotations

from typing import Dict, Union

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
except ImportError as error:
    raise ImportError(
        "keys of the device need the package cryptography: pip install cryptography"
    ) from error

from ._proof import base64url

_SIZE = 32
"""The bytes of a coordinate, of either half of a signature, and of an Ed25519 key."""

_LABEL = "-----BEGIN PRIVATE KEY-----"  # RFC 7468, section 10


class PrivateKey:
    """A Signer: an ECDSA key on P-256, or an Ed25519 key. It does not show the private part."""

    def __init__(self, private: Union[ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey]):
        self._private = private
        if isinstance(private, ed25519.Ed25519PrivateKey):
            x = private.public_key().public_bytes_raw()
            self._algorithm = "EdDSA"
            self._jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64url(x)}
            return
        if not isinstance(private.curve, ec.SECP256R1):
            raise ValueError("not a P-256 or Ed25519 key")
        point = private.public_key().public_numbers()
        self._algorithm = "ES256"
        self._jwk = {
            "kty": "EC",
            "crv": "P-256",
            "x": base64url(point.x.to_bytes(_SIZE, "big")),
            "y": base64url(point.y.to_bytes(_SIZE, "big")),
        }

    @classmethod
    def make(cls) -> PrivateKey:
        """Makes a new key on P-256."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def parse(cls, text: str) -> PrivateKey:
        """Returns the key of a text in PKCS #8, as PEM. Raises ValueError without a cause, which
        could show a part of the key.
        """
        private: object = None
        if text.lstrip().startswith(_LABEL):
            try:
                private = serialization.load_pem_private_key(text.encode("utf-8"), None)
            except (ValueError, TypeError, UnsupportedAlgorithm):
                pass
        if not isinstance(private, (ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey)):
            raise ValueError("not a P-256 or Ed25519 key")
        return cls(private)

    def text(self) -> str:
        """Returns the text of the key, which is secret."""
        return self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode("ascii")

    @property
    def algorithm(self) -> str:
        return self._algorithm

    @property
    def jwk(self) -> Dict[str, str]:
        return dict(self._jwk)

    def sign(self, message: bytes) -> bytes:
        if isinstance(self._private, ed25519.Ed25519PrivateKey):
            return self._private.sign(message)
        r, s = decode_dss_signature(self._private.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(_SIZE, "big") + s.to_bytes(_SIZE, "big")
