"""Verifies proofs, by other code than that which makes them."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any, Dict, List

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from conftest import Sessiond


def decoded(text: str) -> bytes:
    assert "=" not in text
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def header_of(proof: str) -> Dict[str, Any]:
    header: Dict[str, Any] = json.loads(decoded(proof.split(".")[0]))
    return header


def verified(proof: str) -> Dict[str, Any]:
    """Returns the claims of a proof, whose signature and header are checked."""
    head, body, last = proof.split(".")
    header, signed, signature = header_of(proof), f"{head}.{body}".encode(), decoded(last)
    assert set(header) == {"typ", "alg", "jwk"} and header["typ"] == "dpop+jwt"
    jwk = header["jwk"]
    if header["alg"] == "EdDSA":
        assert set(jwk) == {"kty", "crv", "x"}
        ed25519.Ed25519PublicKey.from_public_bytes(decoded(jwk["x"])).verify(signature, signed)
    else:
        assert header["alg"] == "ES256" and set(jwk) == {"kty", "crv", "x", "y"}
        point = b"\x04" + decoded(jwk["x"]) + decoded(jwk["y"])
        r, s = (int.from_bytes(each, "big") for each in (signature[:32], signature[32:]))
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point).verify(
            encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256())
        )
    claims: Dict[str, Any] = json.loads(decoded(body))
    assert set(claims) <= {"jti", "htm", "htu", "iat", "ath", "nonce"}
    assert len(decoded(claims["jti"])) == 16
    return claims


def thumbprint(jwk: Dict[str, str]) -> str:
    """Returns the thumbprint of a key (RFC 7638)."""
    text = json.dumps(jwk, sort_keys=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def claims(sessiond: Sessiond) -> List[Dict[str, Any]]:
    """Returns the claims of the proofs that the application got."""
    return [verified(each["headers"]["dpop"]) for each in sessiond.application]
