"""ES256, beside the Go domain: tokens, keysets and published sets that are valid, or nearly so."""

from __future__ import annotations

import collections
import json
import logging
import random
from typing import Any, Dict, List, Tuple

import pytest

import sessionauth
from conftest import (
    P256_ORDER,
    decode,
    encode,
    group,
    groups,
    jws,
    jws_es256,
    other_s,
    point,
    public_point,
    published,
    verifier_of,
)
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
SCALAR = 0x1234567890ABCDEF
MODULUS = 2**256 - 2**224 + 2**192 + 2**96 - 1
# A point whose x is zero, which the modulus is a second way to write.
ZERO_X = bytes.fromhex("66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4")


def both() -> bytes:
    """Returns a published set of an Ed25519 key and a P-256 key."""
    pair = json.loads(published(JWS))["keys"][0]
    return json.dumps({"keys": [pair, public_point("point", SCALAR)]}).encode()


def claims(kid: str) -> Dict[str, Any]:
    now = JWS["now"]
    return {
        "v": 2, "kid": kid, "iat": now - 60, "nbf": now - 60, "iss": JWS["issuer"],
        "aud": JWS["audience"], "install_id": "install-12345", "exp": now + 60,
    }  # fmt: skip


def test_a_session_has_one_text() -> None:
    verifier = verifier_of(JWS, sessionauth.Ring.from_jwks(both()))
    for number in range(20):
        payload = {**claims("point"), "install_id": f"install-{number}"}
        token = jws_es256(
            b'{"alg":"ES256","kid":"point","typ":"JWT"}', json.dumps(payload).encode(), SCALAR
        )
        assert verifier.verify_token(token).install_id == f"install-{number}"
        with pytest.raises(sessionauth.InvalidToken) as refused:
            verifier.verify_token(other_s(token))
        assert refused.value.reason == "signature"


def test_tokens_have_the_same_reasons() -> None:
    """Mixes headers, keys and signatures of both algorithms, and mutates what is signed."""
    rng = random.Random(20261130)
    seed = decode(JWS["keyset"]["keys"][0]["d"])
    kids = [JWS["keyset"]["keys"][0]["kid"], "point"]
    verifier = verifier_of(JWS, sessionauth.Ring.from_jwks(both()))
    asked: List[Tuple[Any, str]] = []
    questions = []
    for _ in range(8000):
        kid = rng.choice(kids)
        header: Dict[str, Any] = {"kid": kid, "typ": "JWT"}
        header["alg"] = "ES256" if (kid == "point") == (rng.random() < 0.9) else "EdDSA"
        if rng.random() < 0.1:
            header = change(rng, header, [*VALUES, "ES256", "ES384", "point"])
        payload = claims(kid)
        if rng.random() < 0.2:
            payload = change(rng, payload, VALUES)
        texts = written(rng, header), written(rng, payload)
        if (kid == "point") == (rng.random() < 0.9):
            token = jws_es256(*texts, SCALAR)
            how = rng.random()
            if how < 0.1:
                token = other_s(token)
            elif how < 0.2:
                signed, _, _ = token.rpartition(".")
                r = rng.choice([0, 1, P256_ORDER - 1, P256_ORDER, 2**256 - 1])
                s = rng.choice([0, 1, P256_ORDER // 2, P256_ORDER - 1, P256_ORDER, 2**256 - 1])
                token = signed + "." + encode(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        else:
            token = jws(*texts, seed)
        value = b"Bearer " + token.encode()
        if rng.random() < 0.1:
            value = mutate(rng, value, [b".", b"=", b"-", b"A" * 40])
        asked.append((value, verdict(verifier, [value])))
        questions.append({"group": INDEX, "published": bytes64(both()), "values": [bytes64(value)]})
    told = answers(questions)
    assert disagreements(asked, told) == []
    counts = collections.Counter(told)
    for word in ("valid", "algorithm", "signature", "header", "signature_length", "encoding"):
        assert counts[word] > 30, counts


ODD: List[Any] = [
    *VALUES, "EC", "OKP", "oct", "P-256", "P-384", "secp256k1", "Ed25519", "ES256", "ES384", "AA",
    "A" * 43, encode(bytes(32)), encode(b"\xff" * 32), encode(MODULUS.to_bytes(32, "big")),
    encode(P256_ORDER.to_bytes(32, "big")), encode((P256_ORDER - 1).to_bytes(32, "big")),
    encode(ZERO_X), encode(bytes(33)), encode(bytes(31)), "sig", "enc", ["verify"], ["deriveKey"],
]  # fmt: skip


def attacked(rng: random.Random, keys: List[Dict[str, Any]], count: int) -> List[bytes]:
    """Returns sets of some of the keys: valid ones, and ones with one or a few errors."""
    made: List[bytes] = []
    for _ in range(count):
        chosen = [dict(key) for key in rng.sample(keys, rng.randint(1, min(3, len(keys))))]
        how = rng.random()
        if how < 0.5:
            at = rng.randrange(len(chosen))
            values = [*ODD, *(value for key in keys for value in key.values())]
            chosen[at] = change(rng, chosen[at], values)
        elif how < 0.6:
            at = rng.randrange(len(chosen))
            chosen[at].update(
                x=encode(rng.choice([bytes(32), MODULUS.to_bytes(32, "big")])), y=encode(ZERO_X)
            )
        text = written(rng, {"keys": chosen})
        made.append(mutate(rng, text, PIECES) if how > 0.9 else text)
    return made


def test_keysets_have_the_same_verdict() -> None:
    keys = [*JWS["keyset"]["keys"], *(point(f"es-{n}", n * SCALAR) for n in (1, 2, 3))]
    asked: List[Tuple[Any, str]] = []
    made = attacked(random.Random(20261130), keys, 6000)
    for text in made:
        try:
            sessionauth.Ring.from_keyset(text)
            asked.append((text, "read"))
        except sessionauth.KeysError:
            asked.append((text, "refused"))
    told = answers([{"keyset": bytes64(text)} for text in made])
    assert disagreements(asked, told) == []
    counts = collections.Counter(told)
    assert min(counts["read"], counts["refused"]) > 500, counts


def test_published_sets_have_the_same_keys(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "sessionauth")
    keys = [
        *json.loads(published(JWS))["keys"],
        *(public_point(f"es-{n}", n * SCALAR) for n in (1, 2, 3)),
        point("es-4", 4 * SCALAR),
    ]
    made = attacked(random.Random(20261201), keys, 6000)
    asked: List[Tuple[Any, str]] = [(text, verdict_of_published(JWS, text)) for text in made]
    told = answers([{"group": INDEX, "published": bytes64(text)} for text in made])
    assert disagreements(asked, told) == []
    counts = collections.Counter(word.split(":")[0] for word in told)
    assert min(counts["keys"], counts["none"], counts["refused"]) > 100, counts
    assert any("es-1" in word and "ed-" in word for word in told)
