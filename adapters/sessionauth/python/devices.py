"""Keys of devices, and proofs by them, for the tests."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Dict

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from conftest import P256_ORDER, encode


class Device:
    """The key of a device. The same algorithm and number make the same key."""

    def __init__(self, algorithm: str, number: int = 1) -> None:
        seed = hashlib.sha256(f"device {number}".encode()).digest()
        self.jwk: Dict[str, Any]
        if algorithm == "ES256":
            self._ec = ec.derive_private_key(int.from_bytes(seed, "big"), ec.SECP256R1())
            point = self._ec.public_key().public_numbers()
            x, y = encode(point.x.to_bytes(32, "big")), encode(point.y.to_bytes(32, "big"))
            self.jwk = {"crv": "P-256", "kty": "EC", "x": x, "y": y}
        else:
            self._okp = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
            public = self._okp.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            self.jwk = {"crv": "Ed25519", "kty": "OKP", "x": encode(public)}
        self.algorithm = algorithm
        self.header: Dict[str, Any] = {"typ": "dpop+jwt", "alg": algorithm, "jwk": self.jwk}
        members = json.dumps(self.jwk, separators=(",", ":"), sort_keys=True)
        self.thumbprint = encode(hashlib.sha256(members.encode()).digest())

    def sign(self, message: bytes, high_s: bool = False) -> bytes:
        if self.algorithm != "ES256":
            return self._okp.sign(message)
        r, s = utils.decode_dss_signature(self._ec.sign(message, ec.ECDSA(hashes.SHA256())))
        if (s > P256_ORDER // 2) != high_s:
            s = P256_ORDER - s
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def prove(self, header: bytes, payload: bytes, high_s: bool = False) -> bytes:
        """Returns a proof with any header and payload."""
        signed = (encode(header) + "." + encode(payload)).encode("ascii")
        return signed + b"." + encode(self.sign(signed, high_s)).encode("ascii")

    def proof(self, **claims: Any) -> str:
        """Returns a proof with these claims."""
        return self.prove(json.dumps(self.header).encode(), json.dumps(claims).encode()).decode()


def digest(token: str) -> str:
    """Returns the value of ath."""
    return encode(hashlib.sha256(token.encode("ascii")).digest())
