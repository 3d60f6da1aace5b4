"""The test vectors of the contract, and those of Project Wycheproof that apply."""

from __future__ import annotations

import collections
import json
from typing import Any, Dict, List

import pytest

import sessionauth
from conftest import P256_ORDER, VECTORS, decode, groups, verifier_of

CODES = {"invalid_token": sessionauth.InvalidToken, "expired_token": sessionauth.ExpiredToken}
COUNTS = {
    "": 539,
    "compact, odd text": 35,
    "compact, clock skew 0": 15,
    "compact, clock skew 2": 15,
    "compact, clock skew 60": 15,
    "compact, last second of 9999": 4,
    "compact, keys of a keyset": 30,
    "JWS": 322,
    "JWS, clock skew 60": 15,
}


def cases() -> List[Any]:
    return [
        pytest.param(group, case, id=case["name"]) for group in groups() for case in group["cases"]
    ]


def outcome(verifier: sessionauth.Verifier, token: str) -> str:
    try:
        verifier.verify_token(token)
    except sessionauth.SessionAuthError as error:
        return error.reason
    return "valid"


def test_all_groups_are_present() -> None:
    assert {group["name"]: len(group["cases"]) for group in groups()} == COUNTS
    assert len(cases()) == 990


@pytest.mark.parametrize("group, case", cases())
def test_vector(group: Dict[str, Any], case: Dict[str, Any]) -> None:
    verifier = verifier_of(group)
    if case["want"] == "valid":
        assert verifier.verify_token(case["token"]).install_id == case["install_id"]
        return
    with pytest.raises(CODES[case["want"]]) as refused:
        verifier.verify_token(case["token"])
    assert refused.value.code == case["want"]


@pytest.mark.usefixtures("no_cryptography")
@pytest.mark.parametrize("name", COUNTS)
def test_vectors_without_cryptography(name: str) -> None:
    """Every outcome is the same, except that a valid or expired token of an EdDSA key has an
    unknown key: without the library, that key cannot be read.
    """
    group = next(each for each in groups() if each["name"] == name)
    verifier = verifier_of(group)
    unknown = 0
    for case in group["cases"]:
        want = case["want"]
        if want != "invalid_token" and case["token"].count(".") == 2:
            unknown += 1
            assert outcome(verifier, case["token"]) == "unknown_key", case["name"]
        elif want == "valid":
            assert verifier.verify_token(case["token"]).install_id == case["install_id"]
        else:
            with pytest.raises(CODES[want]):
                verifier.verify_token(case["token"])
    assert (unknown > 0) == name.startswith("JWS")


def wycheproof(name: str) -> List[Dict[str, Any]]:
    found: List[Dict[str, Any]] = json.loads(
        (VECTORS / "wycheproof" / f"{name}_test.json").read_bytes()
    )["testGroups"]
    return found


def test_wycheproof_ed25519() -> None:
    verified = collections.Counter[str]()
    for group in wycheproof("ed25519"):
        matches = sessionauth._EdDSA().matcher(bytes.fromhex(group["publicKey"]["pk"]))
        assert matches
        for case in group["tests"]:
            accepted = matches(bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]))
            assert accepted == (case["result"] == "valid"), case["comment"]
            verified[case["result"]] += 1
    assert verified == {"valid": 88, "invalid": 63}


def test_wycheproof_es256() -> None:
    """Refuses the valid signatures whose s is in the upper half: a token has one text.

    Those of proofs are accepted: the hardware of devices makes them.
    """
    verified = collections.Counter[str]()
    for group in wycheproof("ecdsa_secp256r1_sha256_p1363"):
        public = bytes.fromhex(group["publicKey"]["uncompressed"])[1:]
        matches = sessionauth._ES256().matcher(public)
        either = sessionauth._ES256().matcher(public, canonical=False)
        assert matches and either
        for case in group["tests"]:
            message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
            upper = int.from_bytes(signature[32:], "big") > P256_ORDER // 2
            accepted = matches(message, signature)
            assert accepted == (case["result"] == "valid" and not upper), case["comment"]
            assert either(message, signature) == (case["result"] == "valid"), case["comment"]
            name: str = case["result"]
            if name == "valid" and upper:
                name = "upper half"
                s = P256_ORDER - int.from_bytes(signature[32:], "big")
                assert matches(message, signature[:32] + s.to_bytes(32, "big"))
            verified[name] += 1
    assert verified == {"valid": 102, "invalid": 83, "upper half": 67}


def test_wycheproof_hmac_sha256() -> None:
    """Uses only complete tags.

    A token with a shorter signature is rejected before the tag is compared, and here too.
    """
    verified = collections.Counter[str]()
    for group in wycheproof("hmac_sha256"):
        for case in group["tests"]:
            matches = sessionauth._symmetric(bytes.fromhex(case["key"]))
            accepted = matches(bytes.fromhex(case["msg"]), bytes.fromhex(case["tag"]))
            whole = group["tagSize"] == 256
            assert accepted == (whole and case["result"] == "valid"), case["comment"]
            verified["whole" if whole else "short"] += 1
    assert verified == {"whole": 87, "short": 87}


def test_wycheproof_jws() -> None:
    """None is a session, so all are rejected, with the reasons that the domain gives."""
    reasons = collections.Counter[str]()
    eddsa, es256 = sessionauth._EdDSA(), sessionauth._ES256()
    for group in wycheproof("json_web_signature"):
        named = group["private"]
        kid = named["kid"] if sessionauth._KEY_ID.fullmatch(named.get("kid", "")) else "kid"
        if named["kty"] == "oct":
            key = sessionauth._Key(kid, "HS256", sessionauth._symmetric(decode(named["k"])))
        else:
            of: sessionauth._PublicAlgorithm = eddsa
            private = b"s" * 32
            if named.get("crv") == "P-256":
                of, private = es256, decode(named["d"])
            public = of.public_of(private)
            assert public
            matches = of.matcher(public)
            assert matches
            key = sessionauth._Key(kid, of.name, matches)
        verifier = sessionauth.Verifier(
            sessionauth.Ring([key]), issuer="i", audience="a", clock=lambda: 1771243200 * 10**9
        )
        for case in group["tests"]:
            reasons[outcome(verifier, case["jws"])] += 1
    assert reasons == {
        "segments": 32,
        "encoding": 14,
        "signature_length": 329,
        "json": 25,
        "signature": 1,
    }
