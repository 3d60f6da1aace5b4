"""Compares the verifier of bound sessions with the Go domain: see test_agreement.

Both get the same tokens, proofs, methods and paths, and must give the same word for each.
"""

from __future__ import annotations

import collections
import json
import random
from typing import Any, Dict, List

import sessionauth
import sessionauth_proof
from conftest import SECOND, decode, group, groups, jws, ring_of
from devices import Device, digest
from test_agreement import PIECES, VALUES, answers, bytes64, change, disagreements, mutate, written

REASONS = {
    "downgrade", "missing", "multiple", "too_large", "malformed", "typ", "alg", "crit", "jwk",
    "private_key", "signature", "claims", "jti", "forwarded", "htm", "htu", "nonce", "stale",
    "future", "ath_missing", "ath", "unbound", "binding", "version", "audience", "expired",
}  # fmt: skip

ORIGINS = ("https://api.example.com", "http://[::1]:8080")
SECRET = "a secret that all replicas share"
OF = group("JWS")
NOW: int = OF["now"]
KEY = next(key for key in OF["keyset"]["keys"] if key["kid"] == OF["active_kid"])
DEVICES = [Device("ES256"), Device("EdDSA"), Device("ES256", 2)]

# What a URI may have instead of a part of it.
URIS = [
    b"/", b"//", b"/./", b"/../", b"..", b".", b"%2e", b"%2E%2e/", b"%7e", b"%2f", b"%", b"%4",
    b"%zz", b"?", b"#", b"?a=/../b", b":443", b":8080", b":", b":0443", b"@", b"u@", b"\\\\", b" ",
    b"HTTPS", b"API", b"%41", b"\xc3\xa4", b"\xe2\x84\xaa", b"[::1]", b"[::1", b"]", b"[::ffff:1.2.3.4]",
    b"[1::]", b"[::1%25a]", b"http", b"ftp", b"~", b"_", b"*", b"+", b";", b"|", b"^", b"\x7f",
]  # fmt: skip

ODD: List[Any] = [
    *VALUES, "dpop+jwt", "DPOP+JWT", "GET", "get", "PUT", "sig", "enc", "P-256", "EC", "OKP", "A" * 43,
    "A" * 42 + "B", "nonce", {"kty": "EC"}, 1e400, -1e400, -0.5, 1771243200.999, "=" * 4,
]  # fmt: skip

# Times as JSON has them, around those that count.
TIMES = [
    str(NOW - 301), str(NOW - 300), str(NOW + 60), str(NOW + 61), f"{NOW - 301}.999", f"{NOW + 60}.999",
    f"{NOW}e0", f"{NOW}0e-1", f"0.{NOW}e10", f"{NOW / 1000}e3", "1e400", "-1e400", "1e-400", "0", "-0",
    "-1", "1e999999999999", "1E+" + "9" * 5000, "1e-" + "9" * 5000, "1" * 400, "0." + "9" * 400,
    f"{NOW}." + "9" * 400, "0e99", "true", '"1771243200"',
]  # fmt: skip


def token_of(rng: random.Random, device: Device) -> str:
    claims: Dict[str, Any] = {
        "v": 3, "kid": KEY["kid"], "iat": NOW - 60, "nbf": NOW - 60, "iss": OF["issuer"],
        "aud": OF["audience"] + ":bound", "install_id": device.thumbprint, "exp": NOW + 60,
        "sub": device.thumbprint, "cnf": {"jkt": device.thumbprint},
    }  # fmt: skip
    how = rng.random()
    if how < 0.06:
        claims.update(v=2, aud=OF["audience"], install_id="install-12345")
    elif how < 0.08:
        claims.update(v=2, aud=OF["audience"])
    elif how < 0.10:
        claims["exp"] = NOW
    elif how < 0.15:
        claims = change(rng, claims, [*VALUES, {"jkt": device.thumbprint, "x": 1}, {"jkt": 1}, {}])
    elif how < 0.18:
        claims["cnf"] = rng.choice(
            [None, [], {}, {"jkt": None}, {"jkt": DEVICES[2].thumbprint}, {"JKT": device.thumbprint},
             {"jkt": device.thumbprint, "a": 1}]
        )  # fmt: skip
    header = {"alg": "EdDSA", "kid": claims.get("kid"), "typ": "JWT"}
    return jws(json.dumps(header).encode(), written(rng, claims), decode(KEY["d"]))


def request(rng: random.Random, nonces: sessionauth_proof._Nonces) -> Dict[str, Any]:
    """Returns a request: a valid one, or one with an error or a few."""
    device = rng.choice(DEVICES[:2])
    token = token_of(rng, device)
    scheme = rng.choice([b"DPoP"] * 18 + [b"dpop", b"Bearer", b"Basic"])
    method, path = b"GET", b"/orders/%7Ea/../b?x=1"
    uri = ORIGINS[rng.randrange(2)].encode() + b"/orders/b"
    by = DEVICES[2] if rng.random() < 0.03 else device
    header = dict(by.header)
    claims: Dict[str, Any] = {
        "jti": f"id-{rng.random()}", "htm": "GET", "htu": "", "iat": NOW, "ath": digest(token),
    }  # fmt: skip
    how = rng.random()
    if how < 0.10:
        claims = change(rng, claims, ODD)
    elif how < 0.20:
        header = change(rng, header, ODD)
    elif how < 0.32:
        header["jwk"] = change(rng, by.jwk, ODD)
    elif how < 0.37:
        header[rng.choice(["crit", "kid", "x5c", "a"])] = rng.choice(ODD)
    elif how < 0.42:
        header["jwk"] = {**by.jwk, rng.choice(["d", "k", "use", "alg", "kid", "a"]): rng.choice(ODD)}
    elif how < 0.52:
        uri = mutate(rng, uri, URIS)
    elif how < 0.60:
        path = mutate(rng, path, URIS) if rng.random() < 0.9 else b""
    elif how < 0.62:
        method = rng.choice([b"", b"get", b"POST", b"\xe4"])
    elif how < 0.70:
        claims.update(
            iat=NOW - rng.choice([0, 86400]),
            nonce=rng.choice(
                ["", "x", None, *(nonces.at(NOW + 60 * step) for step in range(-4, 4))]
            ),
        )
    elif how < 0.73:
        claims["jti"] = rng.choice(["", "x" * 128, "x" * 129, "ä" * 128, "🔑" * 129, 1])
    elif how < 0.75:
        claims["exp"] = rng.choice([NOW, NOW + 1, NOW - 1, "x", None])
    try:
        claims["htu"] = uri.decode("utf-8")
    except UnicodeDecodeError:
        claims["htu"] = uri.decode("latin-1")
    payload = written(rng, claims)
    if 0.75 <= how < 0.83:
        name = rng.choice([b"iat", b"exp"])
        payload = payload.replace(b'"iat"', b'"was"') if name == b"iat" else payload
        payload = payload[:-1] + b',"' + name + b'":' + rng.choice(TIMES).encode() + b"}"
    elif 0.83 <= how < 0.88:
        payload = mutate(rng, payload, PIECES)
    text = written(rng, header)
    if 0.88 <= how < 0.92:
        text = mutate(rng, text, PIECES)
    proof = by.prove(text, payload, high_s=rng.random() < 0.5)
    if 0.92 <= how < 0.97:
        proof = mutate(rng, proof, [b".", b"=", b"+", b"-", b" ", b"\n", b"\xe4", b"A" * 8000])
    proofs = [proof]
    if how >= 0.97:
        proofs = rng.choice([[], [proof, proof], [b""], [b" " + proof], [b".".join([proof] * 2)]])
    return {
        "values": [scheme + b" " + token.encode()], "proofs": proofs, "method": method, "path": path,
        "required": rng.random() < 0.1,
    }  # fmt: skip


def verifier_of(required: bool) -> sessionauth.Verifier:
    return sessionauth.Verifier(
        ring_of(OF),
        issuer=OF["issuer"],
        audience=OF["audience"],
        clock_skew_seconds=OF["clock_skew_seconds"],
        clock=lambda: NOW * SECOND,
        binding=sessionauth_proof.Binding(
            public_origins=ORIGINS, required=required, nonce_secret=SECRET
        ),
    )


def test_random_proofs_have_the_same_reasons() -> None:
    rng = random.Random(20261130)
    nonces = sessionauth_proof._Nonces(SECRET.encode())
    verifiers = {required: verifier_of(required) for required in (False, True)}
    index = [each["name"] for each in groups()].index("JWS")
    questions, asked = [], []
    for _ in range(4000):
        given = request(rng, nonces)
        questions.append({
            "group": index,
            "values": [bytes64(value) for value in given["values"]],
            "request": {
                "proofs": [bytes64(value) for value in given["proofs"]],
                "method": bytes64(given["method"]),
                "path": bytes64(given["path"]),
                "required": given["required"],
                "origins": ORIGINS,
                "now": NOW,
                "noncesecret": SECRET,
            },
        })  # fmt: skip
        try:
            verifiers[given["required"]].verify(
                [value.decode("latin-1") for value in given["values"]],
                proofs=[value.decode("latin-1") for value in given["proofs"]],
                method=given["method"].decode("latin-1"),
                path=given["path"].decode("latin-1"),
            )
            word = "valid"
        except sessionauth.SessionAuthError as error:
            word = error.reason
        asked.append((given, word))
    told = answers(questions)
    assert disagreements(asked, told) == []
    counts = collections.Counter(told)
    assert set(counts) >= REASONS | {"valid"}, counts
    assert counts["valid"] > 500, counts


def test_random_uris_have_the_same_normal_form() -> None:
    rng = random.Random(20261130)
    questions, asked = [], []
    for _ in range(10000):
        uri = rng.choice(ORIGINS).encode() + rng.choice([b"", b"/", b"/a/b", b"/a%2Fb/../c/."])
        text = mutate(rng, uri + rng.choice(URIS[:10]), URIS).decode("utf-8", "replace")
        questions.append({"uri": bytes64(text.encode("utf-8"))})
        asked.append((text, "".join(sessionauth_proof._split(text) or ("none",))))
    told = answers(questions)
    assert disagreements(asked, told) == []
    assert 2000 < told.count("none") < 8000
