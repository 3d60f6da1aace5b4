"""The contract's cases of proofs, RFC 9449's own examples among them."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List

import pytest

import sessionauth
import sessionauth_proof
from conftest import SECOND, VECTORS, groups, ring_of

DPOP = json.loads((VECTORS / "dpop.json").read_bytes())
CODES = {
    "invalid_dpop_proof": "invalid_proof",
    "use_dpop_nonce": "proof_nonce_required",
    "invalid_token": "invalid_token",
}


class Accepted(sessionauth_proof._Nonces):
    """Nonces that are accepted at any time."""

    def __init__(self, nonces: List[str]) -> None:
        self.nonces = nonces

    def at(self, now: int) -> str:
        return "next"

    def accepts(self, nonce: str, now: int) -> bool:
        return nonce in self.nonces


class Reading(sessionauth.Verifier):
    """A verifier that takes a token for a valid one with this session."""

    session: sessionauth.Session

    def _read(self, token: str, now: int) -> sessionauth.Session:
        return self.session


def verdict(case: Dict[str, Any]) -> None:
    parts = re.fullmatch(r"([^:]+://[^/?#]*)(.*)", case["uri"])
    assert parts is not None
    origin, path = parts.group(1), parts.group(2) or "/"
    binding = sessionauth_proof.Binding(public_origins=(origin,))
    binding._nonces = Accepted(case.get("nonce", {}).get("accepted", []))
    now, scheme = case["now"], case.get("scheme")
    if scheme is None:
        proof = binding._accept(case["dpop"], case["method"], path, now)
        assert (proof.thumbprint, proof.id) == (case["jkt"], case["jti"])
        return
    verifier = Reading(
        ring_of(groups()[0]),
        issuer="issuer",
        audience="audience",
        clock=lambda: int(now * SECOND),
        binding=binding,
    )
    key = case.get("token_jkt")
    verifier.session = sessionauth.Session(
        key or "install-12345", "kid", "issuer", "audience", 0, 0, now + 1,
        "none" if key is None else "key",
    )  # fmt: skip
    verifier.verify(
        [f"{scheme} {case['access_token']}"],
        proofs=case["dpop"],
        method=case["method"],
        path=path,
    )


def test_all_cases_are_present() -> None:
    assert len(DPOP["cases"]) == 122
    own = [case for case in DPOP["cases"] if case["name"].startswith("rfc9449")]
    assert sum(case["expect"] == "valid" for case in own) == 3


@pytest.mark.parametrize("case", DPOP["cases"], ids=lambda case: str(case["name"]))
def test_case(case: Dict[str, Any]) -> None:
    if case["expect"] == "valid":
        verdict(case)
        return
    with pytest.raises(sessionauth.SessionAuthError) as refused:
        verdict(case)
    assert refused.value.reason in [case["expect"], *case.get("also", [])]
    assert refused.value.code == CODES[DPOP["codes"][refused.value.reason]]


def test_thumbprints() -> None:
    assert len(DPOP["thumbprints"]) > 1
    for name, want in DPOP["thumbprints"].items():
        key = DPOP["keys"][name]
        jwk = sessionauth_proof._read_object(
            json.dumps({n: v for n, v in key.items() if n != "d"}).encode()
        )
        of = next(each for each in sessionauth._PUBLIC_ALGORITHMS if each.kty == jwk["kty"])
        header = sessionauth._Object()
        header.update({"typ": "dpop+jwt", "alg": of.name, "jwk": jwk})
        assert sessionauth_proof._read_key(header)[0] == want
        assert sessionauth.is_thumbprint(want)


@pytest.mark.parametrize("case", DPOP["install_ids"], ids=lambda case: str(case["name"]))
def test_install_ids_in_the_form_of_a_thumbprint(case: Dict[str, Any]) -> None:
    """Without a proof, an ID is unbound or, if it has that form, rejected."""
    if case["proof_jkt"] is None:
        assert sessionauth.is_thumbprint(case["install_id"]) == (case["expect"] != "unbound")


def test_path_of_a_request_has_no_fragment() -> None:
    """Some servers take # for a part of the path, so it is another one than the proof is for."""
    case = next(each for each in DPOP["cases"] if each["expect"] == "valid")
    for suffix, accepted in {"": True, "?a=b#c": True, "#c": False, "#/../c?a": False}.items():
        changed = {**case, "uri": case["uri"].partition("?")[0] + suffix}
        if accepted:
            verdict(changed)
            continue
        with pytest.raises(sessionauth.InvalidProof) as refused:
            verdict(changed)
        assert refused.value.reason == "htu"
