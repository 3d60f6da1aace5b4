"""Compares the verifier with the Go domain on headers and keys as attackers change them.

Both must give the same word for each. Seeds are fixed. Most headers need no signature of their own:
they are refused before it is looked at, or because of it.
"""

from __future__ import annotations

import collections
import itertools
import json
import logging
import random
from typing import Any, Dict, List, Tuple

import pytest

import sessionauth
from conftest import decode, encode, group, groups, jws, published, verifier_of
from test_agreement import (
    PIECES,
    VALUES,
    answers,
    bytes64,
    change,
    disagreements,
    mutate,
    verdict,
    verdict_of_published,
    written,
)

JWS = group("JWS")
INDEX = [each["name"] for each in groups()].index("JWS")

# What the header of a JWS has been used for: to choose an algorithm or a key.
ATTACKS: List[Dict[str, Any]] = [
    {"alg": "none"}, {"alg": "None"}, {"alg": "HS256"}, {"alg": "Ed25519"}, {"alg": "ES256"},
    {"alg": ""}, {"alg": None}, {"alg": ["EdDSA"]}, {"crit": []}, {"crit": ["exp"]}, {"b64": False},
    {"crit": ["b64"], "b64": False}, {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43}},
    {"jku": "https://elsewhere.test/"}, {"x5u": "https://elsewhere.test/"}, {"x5c": ["AAAA"]},
    {"zip": "DEF"}, {"enc": "A256GCM"}, {"cty": "JWT"}, {"typ": "at+jwt"}, {"typ": "jwt"},
    {"typ": None}, {"kid": "../../dev/null"}, {"kid": "ed-2026-03"}, {"kid": "ed-2025-08"},
    {"kid": "hs-2025-09"}, {"kid": "' OR 1=1"}, {"kid": 0}, {"kid": None}, {"KID": "ed-2026-02"},
]  # fmt: skip

# Pieces of a value of the Authorization header.
ODD = [
    b" ", b"  ", b"\t", b"\xa0", b"\x85", b"\x1c", b"\x0b", b"\x00", b"\r\n", b"\n", b",", b";",
    b'"', b"Bearer ", b"bearer ", b"DPoP ", b"Basic ", b"K", b".", b"..", b"=", b"==", b"+", b"/",
    b"_", b"-", b"%2E", b"\xe2\x80\xa8", b"\xc5\xbf", b"\xe4", b"\xff", b"A" * 4000,
]  # fmt: skip


def headers(rng: random.Random, count: int) -> List[List[bytes]]:
    """Returns values of Authorization headers made of a valid token: ones that are changed as text,
    and ones whose JWS header is."""
    key = next(key for key in JWS["keyset"]["keys"] if key["kid"] == JWS["active_kid"])
    now = JWS["now"]
    claims = json.dumps(
        {
            "v": 2, "kid": key["kid"], "iat": now - 60, "nbf": now - 60, "iss": JWS["issuer"],
            "aud": JWS["audience"], "install_id": "install-12345", "exp": now + 60,
        }
    ).encode()  # fmt: skip
    sound = {"alg": "EdDSA", "kid": key["kid"], "typ": "JWT"}
    valid = jws(json.dumps(sound).encode(), claims, decode(key["d"]))
    payload, signature = valid.split(".")[1:]
    made: List[List[bytes]] = []
    for number in range(count):
        if number % 2:
            value = mutate(rng, b"Bearer " + valid.encode(), ODD)
            made.append(rng.choice([[value]] * 18 + [[value] * 2, [b"", value]]))
            continue
        header = {**sound, **rng.choice(ATTACKS)} if rng.random() < 0.5 else dict(sound)
        how = rng.random()
        if how < 0.5:
            header = change(rng, header, VALUES)
        text = written(rng, header)
        if how > 0.4:
            text = mutate(rng, text, PIECES)
        token = f"{encode(text)}.{payload}.{signature}"
        if how > 0.9:
            token = jws(text, claims, decode(key["d"]))
        made.append([b"Bearer " + token.encode()])
    return made


def compare(verifier: sessionauth.Verifier, made: List[List[bytes]]) -> List[str]:
    asked = [(values, verdict(verifier, values)) for values in made]
    told = answers(
        [{"group": INDEX, "values": [bytes64(each) for each in values]} for values in made]
    )
    assert disagreements(asked, told) == []
    return told


def test_mutated_headers_have_the_same_reasons() -> None:
    told = compare(verifier_of(JWS), headers(random.Random(20261130), 60_000))
    counts = collections.Counter(told)
    for word in ("valid", "missing", "credentials", "segments", "encoding", "json", "header",
                 "signature", "signature_length", "too_long"):  # fmt: skip
        assert counts[word] > 100, counts


# --------------------------------------------------------------------------------------------------
# Keys
# --------------------------------------------------------------------------------------------------


def small_order() -> List[bytes]:
    """Returns every encoding of every point of small order: the multiples of one of order eight."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    order = 2**252 + 27742317777372353535851937790883648493
    Point = Tuple[int, int]

    def plus(a: Point, b: Point) -> Point:
        k = d * a[0] * b[0] * a[1] * b[1] % p
        return (
            (a[0] * b[1] + b[0] * a[1]) * pow(1 + k, -1, p) % p,
            (a[1] * b[1] + a[0] * b[0]) * pow(1 - k, -1, p) % p,
        )

    def times(n: int, a: Point) -> Point:
        total = (0, 1)
        for bit in bin(n)[2:]:
            total = plus(total, total)
            if bit == "1":
                total = plus(total, a)
        return total

    points = set()
    for y in itertools.count(2):
        square = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
        x = pow(square, (p + 3) // 8, p)
        if x * x % p != square:
            x = x * pow(2, (p - 1) // 4, p) % p
        if x * x % p == square:
            part = times(order, (x, y))
            points |= {times(n, part) for n in range(8)}
        if len(points) == 8:
            break
    ys = {y + more for _, y in points for more in (0, p) if y + more < 2**255}
    return [(y | sign << 255).to_bytes(32, "little") for y in sorted(ys) for sign in (0, 1)]


def test_nothing_is_signed_by_keys_of_small_order() -> None:
    """Forges tokens that the libraries accept under such keys, and offers them with the keys."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    weak = small_order()
    assert len(weak) == 14
    now, asked, questions = JWS["now"], [], []
    for x in weak:
        key = {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "weak", "x": encode(x)}
        text = json.dumps({"keys": [json.loads(published(JWS))["keys"][0], key]}).encode()
        library = Ed25519PublicKey.from_public_bytes(x)
        verifier = verifier_of(JWS, sessionauth.Ring(sessionauth._read_published(text)))
        forged = ""
        for number, r in itertools.product(range(64), weak):
            header = b'{"alg":"EdDSA","kid":"weak","typ":"JWT"}'
            claims = {
                "v": 2, "kid": "weak", "iat": now, "nbf": now, "iss": JWS["issuer"],
                "aud": JWS["audience"], "install_id": f"install-{number}", "exp": now + 60,
            }  # fmt: skip
            signing = encode(header) + "." + encode(json.dumps(claims).encode())
            try:
                library.verify(r + bytes(32), signing.encode())
            except InvalidSignature:
                continue
            forged = signing + "." + encode(r + bytes(32))
            break
        assert forged, "the library accepts none"
        values = [b"Bearer " + forged.encode()]
        word = verdict(verifier, values)
        assert word == "unknown_key"
        asked.append((x, word))
        questions.append(
            {"group": INDEX, "published": bytes64(text), "values": [bytes64(values[0])]}
        )
    assert disagreements(asked, answers(questions)) == []


def attacked_sets(rng: random.Random, count: int) -> List[bytes]:
    """Returns published sets with keys that must not be used beside ones that may be."""
    sound = json.loads(published(JWS))["keys"]
    pairs = [key for key in JWS["keyset"]["keys"] if key["kty"] == "OKP"]
    weak = [encode(x) for x in small_order()]
    odd = [
        *VALUES, *weak, "sig", "enc", "OKP", "oct", "EC", "RSA", "X25519", "Ed448", "ed25519",
        ["verify"], ["sign", "verify"], ["deriveKey"], "A" * 42, "A" * 44, "A" * 43 + "=",
        "2000-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "ed-2026-02", "ed-2026-03",
    ]  # fmt: skip
    names = [
        "kty", "crv", "alg", "kid", "x", "d", "k", "use", "key_ops", "revoked", "verify_until",
        "sign_from", "x5c", "KID", "ki\u017f",
    ]  # fmt: skip
    twice = [
        b'"kid":"ed-2026-02",', b'"k\\u0069d":"other",', b'"x":"AA",', b'"keys":[],', b'"d":null,',
        b'"k\\u0065ys":[],', b'"revoked":true,', b'"z":1,"z":2,', b'"z":{"a":1,"a":2},',
    ]  # fmt: skip
    made: List[bytes] = []
    for _ in range(count):
        keys: List[Dict[str, Any]] = []
        for _ in range(rng.choice([1, 1, 2, 3])):
            key = dict(rng.choice(sound))
            how = rng.random()
            if how < 0.2:
                key["x"] = rng.choice(weak)
            elif how < 0.25:
                key = dict(rng.choice(pairs))
            elif how < 0.3:
                key = {"kty": "oct", "alg": "HS256", "kid": key["kid"], "k": key["x"]}
            elif how < 0.6:
                key[rng.choice(names)] = rng.choice(odd)
            keys.append(key)
        text = written(rng, {"keys": keys})
        how = rng.random()
        if how < 0.1:
            starts = [at + 1 for at, char in enumerate(text) if char in b"{"]
            at = rng.choice(starts)
            text = text[:at] + rng.choice(twice) + text[at:]
        elif how < 0.2:
            text = mutate(rng, text, PIECES)
        made.append(text)
    return made


def test_attacked_sets_have_the_same_keys(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "sessionauth")
    made = attacked_sets(random.Random(20261130), 40_000)
    asked = [(text, verdict_of_published(JWS, text)) for text in made]
    told = answers([{"group": INDEX, "published": bytes64(text)} for text in made])
    assert disagreements(asked, told) == []
    counts = collections.Counter(word.split(":")[0] for word in told)
    assert min(counts["keys"], counts["none"], counts["refused"]) > 1000, counts
