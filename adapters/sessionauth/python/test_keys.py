"""Keys from secrets, from a keyset, from a published set, and without the package cryptography."""

from __future__ import annotations

import hmac
import json
import subprocess
import sys
from typing import Any, Dict, List

import pytest

import sessionauth
from conftest import HERE, SECOND, decode, encode, group, point, published, verifier_of


def keyset(*keys: Any) -> bytes:
    return json.dumps({"keys": keys}).encode()


def symmetric(**changed: Any) -> Dict[str, Any]:
    sound = {
        "kty": "oct",
        "alg": "HS256",
        "kid": "hs-1",
        "k": encode(b"s" * 32),
        "sign_from": "2026-02-16T12:00:00Z",
    }
    return {**sound, **changed}


POINT = point("es-1", 7)


def refusal(data: bytes) -> str:
    with pytest.raises(sessionauth.KeysError) as refused:
        sessionauth.Ring.from_keyset(data)
    return str(refused.value)


def test_secrets_are_trimmed_as_in_sessiond() -> None:
    message, white = b"message", "\u2003\x85 \t\r\n"
    sound = sessionauth.Ring.from_secrets({"kid": "the secret"}).find("kid")
    trimmed = sessionauth.Ring.from_secrets({f"{white}kid ": f"{white}the secret{white}"}).find(
        "kid"
    )
    kept = sessionauth.Ring.from_secrets({"kid": "\x1cthe secret\x1f"}).find("kid")
    tag = hmac.new(b"the secret", message, "sha256").digest()
    assert sound and trimmed and kept
    assert (
        sound.matches(message, tag),
        trimmed.matches(message, tag),
        kept.matches(message, tag),
    ) == (True, True, False)


@pytest.mark.parametrize(
    "secrets, problem",
    [
        ({}, "there is no key"),
        ({"": "hidden"}, "key 1: its id must be"),
        ({"a/b": "hidden"}, "key 1: its id must be"),
        ({"a" * 65: "hidden"}, "key 1: its id must be"),
        ({"a\n": "hidden", "ä": "hidden"}, "key 2: its id must be"),
        ({"a": " \u2003"}, "key 1 (a): its secret is empty"),
        ({"a": "\udc80 hidden"}, "key 1 (a): its secret is not valid Unicode"),
        ({"a": "hidden", "b": " hidden"}, "the keys a and b are the same"),
        ({"a": "hidden", " a": "other"}, "the id a stands twice"),
    ],
)
def test_refuses_secrets(secrets: Dict[str, str], problem: str) -> None:
    with pytest.raises(sessionauth.KeysError) as refused:
        sessionauth.Ring.from_secrets(secrets)
    assert str(refused.value).startswith(problem)
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(
    "data, problem",
    [
        (b"", "the set: is not JSON"),
        (b'{"keys":[],"keys":[]}', "the set: is not JSON, or has a name twice"),
        (b" " * (1 << 20) + b"{}", "the set: is larger than 1048576 bytes"),
        (b"[]", "the set: keys: must be a list"),
        (b'{"keys":[]}', "there is no key"),
        (b'{"keys":[],"more":1}', 'the set: has a member that is not known: "more"'),
        (keyset(*[symmetric()] * 257), "the set: keys: must be a list of at most 256 keys"),
        (keyset(symmetric(kid="a b")), "key 1: kid: must be"),
        (
            keyset(symmetric(revokd=True)),
            'key 1 (hs-1): has a member that is not known: "revokd"',
        ),
        (
            keyset(symmetric(**{"hidden" * 5: 1})),
            "key 1 (hs-1): has a member that is not known, and whose name may be a secret",
        ),
        (keyset(symmetric(revoked="true")), "key 1 (hs-1): revoked: must be true or false"),
        (keyset(symmetric(alg="HS512")), "key 1 (hs-1): alg: must be HS256"),
        (keyset(symmetric(k="")), "key 1 (hs-1): k: must be base64url"),
        (
            keyset(symmetric(verify_until="2026-02-16T12:00:00Z")),
            "key 1 (hs-1): verify_until: must be later than sign_from",
        ),
        (
            keyset(symmetric(sign_from="2026-02-16 12:00:00Z")),
            "key 1 (hs-1): sign_from: must be an instant",
        ),
        (
            keyset(symmetric(sign_from="9999-12-31T23:59:00-00:01")),
            "key 1 (hs-1): sign_from: must be an instant",
        ),
        (
            keyset(symmetric(sign_from="0001-01-01T00:00:00Z")),
            "key 1 (hs-1): sign_from: must be an instant",
        ),
        (
            keyset(symmetric(sign_from="2016-12-30T23:59:60Z")),
            "key 1 (hs-1): sign_from: must be an instant",
        ),
        (keyset(symmetric(), symmetric()), "the id hs-1 stands twice"),
        (keyset(symmetric(), symmetric(kid="hs-2")), "the keys hs-1 and hs-2 are the same"),
        (
            keyset({**group("JWS")["keyset"]["keys"][0], "x": encode(b"x" * 32)}),
            "key 1 (ed-2026-02): x: does not fit",
        ),
        (keyset({**POINT, "crv": "P-384"}), "key 1 (es-1): crv: must be P-256"),
        (keyset({**POINT, "alg": "ES384"}), "key 1 (es-1): alg: must be ES256 for an EC key"),
        (keyset({**POINT, "y": POINT["x"]}), "key 1 (es-1): x: does not fit"),
        (keyset({**POINT, "y": "AA"}), "key 1 (es-1): y: must be 32 bytes"),
        (keyset({**POINT, "d": encode(bytes(32))}), "key 1 (es-1): d: is not a private key"),
        (keyset({**POINT, "d": encode(b"\xff" * 32)}), "key 1 (es-1): d: is not a private key"),
        (keyset({**POINT, "k": "AA"}), 'key 1 (es-1): has a member that is not known: "k"'),
        (keyset(POINT, {**POINT, "kid": "b"}), "the keys es-1 and b are the same"),
        (keyset(POINT, symmetric(k=POINT["x"])), "the keys es-1 and hs-1 are the same"),
    ],
)
def test_refuses_keysets(data: bytes, problem: str) -> None:
    assert refusal(data).startswith(problem)


def test_instants_are_those_of_the_rfc() -> None:
    parse = sessionauth._parse_instant
    assert parse("2026-02-16t12:00:00z") == parse("2026-02-16T12:00:00Z")
    before = parse("2016-12-31T23:59:59.5Z")
    assert parse("2016-12-31T23:59:60.5Z") == parse("2016-12-31t15:59:60.5-08:00") == before
    assert parse("2016-12-31T23:59:60-08:00") is None


def test_key_verifies_until_expired_or_revoked() -> None:
    ring = sessionauth.Ring.from_keyset(
        keyset(
            symmetric(verify_until="2026-02-16T14:00:00.000000001+01:00"),
            symmetric(kid="hs-2", k=encode(b"t" * 32), revoked=True),
            symmetric(kid="hs-3", k=encode(b"u" * 32), sign_from="2027-01-01T00:00:00Z"),
        )
    )
    end = 1771246800 * SECOND + 1
    ends, revoked, waits = (ring.find(kid) for kid in ("hs-1", "hs-2", "hs-3"))
    assert ends and revoked and waits
    assert [ends.may_verify(at) for at in (0, end - 1, end)] == [True, True, False]
    assert not revoked.may_verify(0)
    assert waits.may_verify(0)


def test_published_set() -> None:
    jws = group("JWS")
    verifier = verifier_of(jws, sessionauth.Ring.from_jwks(published(jws)))
    signed = [
        case for case in jws["cases"] if case["want"] == "valid" and case["token"].count(".") == 2
    ]
    assert len(signed) > 10
    for case in signed:
        assert verifier.verify_token(case["token"]).install_id == case["install_id"]


def public(**changed: Any) -> Dict[str, Any]:
    return {**json.loads(published(group("JWS")))["keys"][0], **changed}


def beside() -> Dict[str, Any]:
    """Returns another valid key."""
    other: Dict[str, Any] = json.loads(published(group("JWS")))["keys"][1]
    return other


@pytest.mark.parametrize(
    "key",
    [
        symmetric(),
        symmetric(crv="Ed25519", x=encode(b"s" * 32)),
        public(kty="EC"),
        public(kty=["OKP"]),
        public(crv="X25519"),
        public(alg="ES256"),
        public(alg=None),
        public(use="enc"),
        public(key_ops=["verify", "encrypt"]),
        public(key_ops="verify"),
        public(sign_from="soon"),
        public(revoked="false"),
        public(verify_until="2026-02-16T12:00:00Z", sign_from="2026-02-16T12:00:00Z"),
        public(kid="a/b"),
        public(kid=1),
        public(x="AA"),
        public(x=public()["x"] + "="),
        public(d=group("JWS")["keyset"]["keys"][0]["d"]),
        {},
        1,
    ],
)
def test_ignores_published_keys(key: Any) -> None:
    with pytest.raises(sessionauth.KeysError):
        sessionauth.Ring.from_jwks(keyset(key))
    assert len(sessionauth.Ring.from_jwks(keyset(key, beside()))) == 1


def test_ignores_unknown_published_members() -> None:
    known = public(key_ops=["verify", "sign"], x5t="abc", more={"a": [1]})
    assert len(sessionauth.Ring.from_jwks(json.dumps({"keys": [known], "more": 1}).encode())) == 1


def test_repeated_names_in_published_sets() -> None:
    """Only the key that has them is ignored, so that the revocation of another key takes effect."""
    two, other = keyset(public(), beside()), beside()["kid"]
    for text, kids in (
        (two.replace(b"{", b'{"more":1,"more":2,', 1), {public()["kid"], other}),
        (two.replace(b"{", b'{"more":{"a":1,"a":2},', 1), {public()["kid"], other}),
        (two.replace(b"[{", b'[{"more":{"a":1,"a":2},', 1), {public()["kid"], other}),
        (two.replace(b"[{", b'[{"more":1,"more":1,', 1), {other}),
        (two.replace(b"[{", b'[{"revoked":true,"revoked":false,', 1), {other}),
    ):
        assert text != two
        assert {key.id for key in sessionauth._read_published(text)} == kids


def test_published_key_observes_verify_until() -> None:
    ends = public(verify_until="2026-02-16T12:00:00Z")
    ring = sessionauth.Ring.from_jwks(keyset(ends, {**beside(), "revoked": True}))
    first, second = ring.find(ends["kid"]), ring.find(beside()["kid"])
    assert first and second
    assert [first.may_verify(1771243200 * SECOND + step) for step in (-1, 0)] == [True, False]
    assert not second.may_verify(0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys":{}}',
        b'{"keys":[],"keys":[]}',
        keyset(public(), {**beside(), "kid": public()["kid"]}),
        keyset(public(), public(kid="other")),
        keyset(*[public(kty="EC")] * 257),
    ],
)
def test_refuses_published_sets(data: bytes) -> None:
    with pytest.raises(sessionauth.KeysError):
        sessionauth.Ring.from_jwks(data)


@pytest.mark.usefixtures("no_cryptography")
class TestWithoutCryptography:
    """Keys of EdDSA and ES256 are ignored, and an error is logged."""

    jws: Dict[str, Any] = group("JWS")

    def test_other_keys_of_a_keyset_stay(self, caplog: pytest.LogCaptureFixture) -> None:
        ring = sessionauth.Ring.from_keyset(keyset(*self.jws["keyset"]["keys"], POINT))
        assert len(ring) == 1 and ring.find("hs-2025-09")
        assert [(each.levelname, each.message) for each in caplog.records] == [
            (
                "ERROR",
                "keys passed over: 6; EdDSA and ES256 need the package cryptography, which cannot "
                "be imported",
            )
        ]

    def test_a_keyset_without_others_is_an_error(self) -> None:
        assert refusal(keyset(self.jws["keyset"]["keys"][0])).endswith(
            "EdDSA and ES256 need the package cryptography, which cannot be imported"
        )

    def test_what_is_published_is_an_error(self) -> None:
        for load in (
            lambda: sessionauth.Ring.from_jwks(published(self.jws)),
            lambda: sessionauth.PublishedKeys("https://sessions.test/"),
        ):
            with pytest.raises(sessionauth.KeysError, match="need the package cryptography"):
                load()

    def test_a_keyset_is_judged_whole(self) -> None:
        keys: List[Dict[str, Any]] = self.jws["keyset"]["keys"]
        assert "same" in refusal(
            keyset(symmetric(), keys[0], symmetric(kid="hs-2", k=keys[0]["x"]))
        )
        assert "crv" in refusal(keyset(symmetric(), {**keys[0], "crv": "X25519"}))


def test_import_and_hs256_need_only_the_standard_library() -> None:
    """Runs in a separate process, without site packages."""
    case = next(case for case in group("")["cases"] if case["want"] == "valid")
    code = (
        "import sessionauth, sys\n"
        "ring = sessionauth.Ring.from_secrets({'test-kid': 'test-secret'})\n"
        "verifier = sessionauth.Verifier(ring, issuer='offload-backend-test',"
        f" audience='offload-ios-test', clock=lambda: {group('')['now']} * 10**9)\n"
        f"assert verifier.verify_token({case['token']!r})\n"
        "assert not [name for name in sys.modules if name.startswith('cryptography')]\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-S", "-B", "-c", code],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_decode_is_strict() -> None:
    for text in (b"YQ", b"YWI", b"YWJj", b"-_-_", b""):
        assert sessionauth._decode_base64url(text) == decode(text.decode())
    for text in (
        b"YR",
        b"YWJ",
        b"YQ==",
        b"YQ=",
        b"Y",
        b"+/+/",
        b"YW I",
        b"YQ\n",
        b"\xe4AAA",
        b"YWJjY",
    ):
        with pytest.raises(sessionauth._NotStrict):
            sessionauth._decode_base64url(text)
