"""What the tests of sessionauth share: the vectors, makers of tokens, and a machine without the package cryptography."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import pathlib
import sys
from typing import Any, Dict, Iterator, List

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
VECTORS = ROOT / "test" / "vectors"

sys.path.insert(0, str(HERE))

import sessionauth  # noqa: E402

SECOND = 10**9


def encode(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def compact(payload: bytes, secret: bytes) -> str:
    """A token in the compact form, signed whatever the payload is."""
    signed = encode(payload)
    return signed + "." + encode(hmac.new(secret, signed.encode("ascii"), hashlib.sha256).digest())


def jws(header: bytes, payload: bytes, seed: bytes) -> str:
    """A token in the JWS form, signed whatever header and payload are."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    signed = encode(header) + "." + encode(payload)
    return signed + "." + encode(Ed25519PrivateKey.from_private_bytes(seed).sign(signed.encode("ascii")))


def groups() -> List[Dict[str, Any]]:
    """The vectors' groups, the first one first."""
    file = json.loads((VECTORS / "token_v2.json").read_bytes())
    first = {name: value for name, value in file.items() if name != "groups"}
    return [{"name": "", **first}, *file["groups"]]


def group(name: str) -> Dict[str, Any]:
    return next(each for each in groups() if each["name"] == name)


def ring_of(of: Dict[str, Any]) -> sessionauth.Ring:
    if "keyset" in of:
        return sessionauth.Ring.from_keyset(json.dumps(of["keyset"]).encode())
    return sessionauth.Ring.from_secrets(of["keys"])


def verifier_of(of: Dict[str, Any], *sources: sessionauth.KeySource) -> sessionauth.Verifier:
    """A verifier under a group's configuration, with the group's keys unless others are given."""
    return sessionauth.Verifier(
        *(sources or (ring_of(of),)),
        issuer=of["issuer"],
        audience=of["audience"],
        clock_skew_seconds=of["clock_skew_seconds"],
        clock=lambda: of["now"] * SECOND,
    )


def published(of: Dict[str, Any]) -> bytes:
    """The public part of a group's keyset, as sessiond publishes it while all of its keys are in force."""
    shown = ("kty", "crv", "alg", "kid", "x")
    keys = [{name: key[name] for name in shown} for key in of["keyset"]["keys"] if key["kty"] == "OKP"]
    return json.dumps({"keys": [{**key, "use": "sig"} for key in keys]}).encode()


@pytest.fixture
def no_cryptography(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine on which the package cryptography cannot be imported."""
    for name in [*sys.modules, "cryptography", "cryptography.exceptions", "cryptography.hazmat.primitives.asymmetric.ed25519"]:
        if name.split(".")[0] == "cryptography":
            monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError):
        import cryptography  # noqa: F401
    yield
