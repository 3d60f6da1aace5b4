"""Compares the verifier with the Go domain.

Both get the same tokens, headers, keysets and published sets, and must give the same word for each.

Seeds are fixed. test/verdicts answers for the domain.
"""

from __future__ import annotations

import base64
import collections
import json
import os
import random
import subprocess
from typing import Any, Callable, Dict, List, Tuple

import sessionauth
from conftest import ROOT, SECOND, compact, decode, group, groups, jws, published, verifier_of

REASONS = {
    "missing", "credentials", "too_long", "segments", "encoding", "signature_length", "json",
    "header", "unknown_key", "algorithm", "signature", "claim_missing", "claim_type",
    "claim_bounds", "version", "issuer", "audience", "instants", "not_yet_valid", "expired",
}  # fmt: skip

# Pieces that JSON parsers are known to differ on.
PIECES = [
    b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b" ", b"\t", b"\n", b"\r", b"\x0b", b"\x0c",
    b"\x00", b"\x1f", b"\x7f", b"\xa0", b"\xff", b"\xc3\xa4", b"\xed\xa0\x80", b"\xc0\x80",
    b"\xf4\x90\x80\x80", b"\xef\xbb\xbf", b"\xf0\x9f\x94\x91", b"null", b"true", b"false", b"NaN",
    b"Infinity", b"-", b"-0", b"0", b"00", b"1", b"1.0", b"1.", b".5", b"1e0", b"1E+2", b"1e",
    b"+1", b"\\u0041", b"\\u00e4", b"\\ud83d\\udd11", b"\\ud83d", b"\\udd11", b"\\ud83dx",
    b"\\ud83d\\u0041", b"\\u 041", b"\\u+041", b"\\u0_41", b"\\x41", b"\\/", b"\\'", b"'", b"/**/",
    b"//", b',"v":2', b',"kid":"test-kid"', b',"a":{"b":1,"b":2}', b',"a":[[{}]]', b"[" * 62,
    b"]" * 62, b'"a":1,', b"\xd9\xa1", b'{"a":' * 64,
]  # fmt: skip

# Values that a claim or a member might have.
VALUES: List[Any] = [
    None, True, False, 0, 1, 2, 3, -1, 2.0, 1.5, 1e3, "", " ", "2", "a", [], {}, [2], {"a": 1},
    10**18, 10**30, 253402300799, 253402300800, 1771243200, 1771243199, 1771243201, "test-kid",
    "TEST-KID", "x" * 7, "x" * 8, "x" * 64, "x" * 65, "x" * 128, "x" * 129, " " * 8, "\u2003" * 8,
    "\x1c" * 8, "\x85" * 8, "installation\x7f", "installation\u200b", "ä" * 8, "🔑" * 128, "JWT",
    "jwt", "EdDSA", "Ed25519", "HS256", "none",
]  # fmt: skip


def answers(questions: List[Dict[str, Any]]) -> List[str]:
    lines = "\n".join(json.dumps(question) for question in questions)
    go = [os.environ.get("GO", "go"), "run", "./test/verdicts"]
    done = subprocess.run(
        go, cwd=ROOT, input=lines, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


def bytes64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def verdict(verifier: sessionauth.Verifier, values: List[bytes]) -> str:
    """Returns the word for a request with these headers, decoded as a server decodes them."""
    try:
        verifier.verify([value.decode("latin-1") for value in values])
    except sessionauth.SessionAuthError as error:
        return error.reason
    return "valid"


def mutate(rng: random.Random, data: bytes, pieces: List[bytes]) -> bytes:
    """Changes a few bytes of data."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        at = rng.randint(0, len(data))
        to = min(len(data), at + rng.choice([0, 0, 1, 1, 2, 8]))
        how = rng.random()
        if how < 0.5:
            data = data[:at] + rng.choice(pieces) + data[to:]
        elif how < 0.7:
            data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
        elif how < 0.85:
            data = data[:at] + data[to:]
        else:
            data = data[:at] + data[at:to] * 2 + data[to:]
    return data


def change(rng: random.Random, members: Dict[str, Any], values: List[Any]) -> Dict[str, Any]:
    """Changes, drops, adds or swaps a member."""
    changed = dict(members)
    name = rng.choice(list(changed))
    how = rng.random()
    if how < 0.7:
        changed[name] = rng.choice(values)
    elif how < 0.85:
        del changed[name]
    elif how < 0.95:
        other = rng.choice(list(changed))
        changed[name], changed[other] = changed[other], changed[name]
    else:
        changed[name.upper()] = rng.choice(values)
    return changed


def written(rng: random.Random, members: Dict[str, Any]) -> bytes:
    return json.dumps(
        members, ensure_ascii=rng.random() < 0.5, separators=rng.choice([(",", ":"), (", ", ": ")])
    ).encode("utf-8")


def signer(of: Dict[str, Any]) -> Callable[[random.Random, Dict[str, Any], bytes], str]:
    """Signs a payload with the group's active key. The header of a JWS may be mutated before."""
    if "keyset" not in of:
        secret = of["keys"][of["active_kid"]].encode()
        return lambda _rng, _claims, payload: compact(payload, secret)
    key = next(key for key in of["keyset"]["keys"] if key["kid"] == of["active_kid"])
    if key["kty"] == "oct":
        return lambda _rng, _claims, payload: compact(payload, decode(key["k"]))

    def sign(rng: random.Random, claims: Dict[str, Any], payload: bytes) -> str:
        header: Dict[str, Any] = {"alg": "EdDSA", "kid": claims.get("kid"), "typ": "JWT"}
        how = rng.random()
        if how < 0.2:
            header = change(rng, header, VALUES)
        text = written(rng, header)
        return jws(mutate(rng, text, PIECES) if how > 0.9 else text, payload, decode(key["d"]))

    return sign


def requests(rng: random.Random, of: Dict[str, Any], count: int) -> List[List[bytes]]:
    """Returns values of Authorization headers: valid ones, and ones with one or a few errors."""
    sign = signer(of)
    now, skew = of["now"], of["clock_skew_seconds"]
    made: List[List[bytes]] = []
    for _ in range(count):
        edge = rng.choice([-skew - 1, -skew, -1, 0, 1, skew, skew + 1])
        claims: Dict[str, Any] = {
            "v": 2, "kid": of["active_kid"], "iat": now - 60, "nbf": now - 60, "iss": of["issuer"],
            "aud": of["audience"], "install_id": "install-12345", "exp": now + 60,
        }  # fmt: skip
        how = rng.random()
        if how < 0.1:
            claims[rng.choice(["iat", "nbf", "exp"])] = now + edge
        elif how < 0.15:
            claims.update(nbf=now + edge, exp=now + rng.choice([edge, 60]))
        elif how < 0.4:
            for _ in range(rng.choice([1, 1, 2, 3])):
                claims = change(rng, claims, VALUES)
        payload = written(rng, claims)
        if 0.4 <= how < 0.7:
            payload = mutate(rng, payload, PIECES)
        token = sign(rng, claims, payload).encode("ascii")
        if 0.7 <= how < 0.85:
            token = mutate(
                rng,
                token,
                [
                    b".",
                    b"..",
                    b"=",
                    b"+",
                    b"/",
                    b"_",
                    b"-",
                    b"\n",
                    b"\r\n",
                    b" ",
                    b"\xe4",
                    b"A" * 4000,
                ],
            )
        values = [b"Bearer " + token]
        if 0.85 <= how < 0.95:
            values[0] = mutate(
                rng,
                b"Bearer " + token[: rng.choice([0, 40, len(token)])],
                [b" ", b"\t", b"  ", b"\xa0", b"\x85", b"\x1c", b"K"],
            )
        elif how >= 0.95:
            values = rng.choice(
                [
                    [],
                    values * 2,
                    [b""],
                    [b"Bearer"],
                    [b"bEARER   " + token],
                    [b" Bearer " + token + b"\t"],
                    [b"Basic " + token],
                ]
            )
        made.append(values)
    return made


def disagreements(asked: List[Tuple[Any, str]], told: List[str]) -> List[Tuple[Any, str, str]]:
    assert len(asked) == len(told)
    return [(what, ours, theirs) for (what, ours), theirs in zip(asked, told) if ours != theirs][:5]


def test_vectors_have_the_same_reasons() -> None:
    questions, asked = [], []
    for index, each in enumerate(groups()):
        verifier = verifier_of(each)
        for case in each["cases"]:
            # A line break or a space inside a value would be an error of the header, not of the
            # token; both sides get the same.
            values = [b"Bearer " + case["token"].encode("utf-8")]
            questions.append({"group": index, "values": [bytes64(value) for value in values]})
            asked.append((case["name"], verdict(verifier, values)))
    told = answers(questions)
    assert disagreements(asked, told) == []
    assert "algorithm" in told


def test_random_requests_have_the_same_reasons() -> None:
    rng = random.Random(20261124)
    questions, asked = [], []
    for index, each in enumerate(groups()):
        if each["name"] in (
            "",
            "compact, clock skew 2",
            "compact, keys of a keyset",
            "JWS",
            "JWS, clock skew 60",
        ):
            verifier = verifier_of(each)
            for values in requests(rng, each, 3000):
                questions.append({"group": index, "values": [bytes64(value) for value in values]})
                asked.append((values, verdict(verifier, values)))
    told = answers(questions)
    assert disagreements(asked, told) == []
    counts = collections.Counter(told)
    # A wrong algorithm needs two valid IDs, which no mutation finds: the vectors have those cases.
    assert set(counts) >= (REASONS | {"valid"}) - {"algorithm"}, counts
    assert counts["valid"] > 1000, counts


def keysets(rng: random.Random, count: int) -> List[bytes]:
    """Returns keysets: valid ones, and ones with one or a few errors."""
    sound = [group("compact, keys of a keyset")["keyset"]["keys"], group("JWS")["keyset"]["keys"]]
    instants = [
        b"0",
        b"9",
        b"5",
        b"-",
        b"+",
        b":",
        b".",
        b",",
        b"T",
        b"t",
        b"Z",
        b"z",
        b"24",
        b"60",
        b"02-29",
        b"0000",
        b"0001",
        b"9999",
        b"+23:59",
    ]
    odd = [
        *VALUES,
        "sig",
        "enc",
        ["sign"],
        ["verify", "sign"],
        ["sign", 1],
        ["encrypt"],
        "oct",
        "OKP",
        "RSA",
        "AAAA",
        "AA",
        "AB",
        "A" * 43,
        "x==",
    ]
    odd += [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00.000000001Z",
        "0000-12-31T23:59:59-01:00",
        "9999-12-31T23:59:59.999999999Z",
    ]
    odd += [
        "2016-12-31T23:59:60Z",
        "2016-12-31t15:59:60.5-08:00",
        "2016-12-30T23:59:60z",
        "9999-12-31T23:59:60Z",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:00-00:01",
        "2024-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-02-16T12:00:00.1234567891234Z",
        "2026-02-16T12:00:60Z",
    ]
    made: List[bytes] = []
    for _ in range(count):
        keys = rng.sample(rng.choice(sound), rng.randint(0, 4))
        how = rng.random()
        if keys and how < 0.5:
            at = rng.randrange(len(keys))
            keys[at] = change(
                rng, keys[at], [*odd, *(value for key in keys for value in key.values())]
            )
        elif keys and how < 0.7:
            at = rng.randrange(len(keys))
            name = rng.choice(["sign_from", "verify_until"])
            instant = mutate(
                rng, keys[at].get(name, "2099-02-16T12:00:00Z").encode(), instants
            ).decode("latin-1")
            keys[at] = {**keys[at], name: instant}
        text = written(rng, {"keys": keys} if how < 0.97 else {"keys": keys, "more": 1})
        made.append(
            mutate(rng, text, [*PIECES, b'"kid":"a",', b'"revoked":true,']) if how > 0.8 else text
        )
    return made


def sets(rng: random.Random, count: int) -> List[bytes]:
    """Returns sets that an issuer might publish.

    There are valid ones, ones with one or a few errors, and ones in which a name is repeated.
    """
    of = group("JWS")
    sound = json.loads(published(of))["keys"]
    odd = [
        *VALUES,
        "sig",
        "enc",
        ["sign"],
        ["verify", 1],
        "oct",
        "OKP",
        "AAAA",
        "A" * 43,
        "2026-02-16T12:00:00Z",
        "1999-01-01T00:00:00Z",
    ]
    twice = [
        b'"kid":"a",', b'"kty":"OKP",', b'"revoked":true,', b'"revoked":false,',
        b'"verify_until":"2000-01-01T00:00:00Z",', b'"d":"AA",', b'"more":{"a":1,"a":2},',
        b'"more":1,"more":2,', b'"keys":[],', b'"x5c":[{"a":1,"a":2}],', b'"use":"sig",',
        b'"k\\u0065ys":[],',
    ]  # fmt: skip
    made: List[bytes] = []
    for _ in range(count):
        keys = [dict(key) for key in rng.sample(sound, rng.randint(0, len(sound)))]
        if keys and rng.random() < 0.4:
            at = rng.randrange(len(keys))
            keys[at] = change(
                rng,
                {
                    **keys[at],
                    rng.choice(
                        ["revoked", "verify_until", "sign_from", "key_ops", "more"]
                    ): rng.choice(odd),
                },
                odd,
            )
        text = written(rng, {"keys": keys, **rng.choice([{}, {}, {"more": rng.choice(VALUES)}])})
        for _ in range(rng.choice([0, 1, 1, 2])):
            starts = [
                at + 1
                for at, char in enumerate(text)
                if char in b"{" and text[at + 1 : at + 2] == b'"'
            ]
            at = rng.choice(starts)
            text = text[:at] + rng.choice(twice) + text[at:]
        made.append(mutate(rng, text, PIECES) if rng.random() < 0.2 else text)
    return made


def verdict_of_published(of: Dict[str, Any], text: bytes) -> str:
    try:
        keys = sessionauth._read_published(text)
    except sessionauth.KeysError:
        return "refused"
    if not keys:
        return "none"
    return "keys:" + ",".join(sorted(key.id for key in keys if key.may_verify(of["now"] * SECOND)))


def test_random_published_sets_have_the_same_keys() -> None:
    rng = random.Random(20261124)
    of = group("JWS")
    index = [each["name"] for each in groups()].index("JWS")
    questions, asked = [], []
    for text in sets(rng, 6000):
        questions.append({"group": index, "published": bytes64(text)})
        asked.append((text, verdict_of_published(of, text)))
    told = answers(questions)
    assert disagreements(asked, told) == []
    counts = collections.Counter(word.split(":")[0] for word in told)
    assert min(counts["keys"], counts["none"], counts["refused"]) > 500, counts


def test_random_keysets_have_the_same_verdict() -> None:
    rng = random.Random(20261124)
    questions, asked = [], []
    for text in keysets(rng, 6000):
        questions.append({"keyset": bytes64(text)})
        try:
            sessionauth.Ring.from_keyset(text)
            asked.append((text, "read"))
        except sessionauth.KeysError:
            asked.append((text, "refused"))
    told = answers(questions)
    assert disagreements(asked, told) == []
    counts = collections.Counter(told)
    assert min(counts["read"], counts["refused"]) > 500, counts
