"""The copy of what the issuer publishes, against a server on loopback and a clock that tests move."""

from __future__ import annotations

import datetime
import http.client
import http.server
import ipaddress
import json
import logging
import pathlib
import socket
import ssl
import threading
from typing import Any, Callable, Dict, Iterator, List, Optional

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import sessionauth
from conftest import compact, encode, group, published, verifier_of

JWS = group("JWS")
LONG = 30.0  # seconds: more than any step of a test takes; who waits as long has hung


class Issuer:
    """A server whose answer tests choose, and whose requests they count."""

    def __init__(self) -> None:
        self.requests: List[str] = []
        self.status = 200
        self.headers: Dict[str, str] = {}
        self.body = published(JWS)
        self.go = threading.Event()  # answers wait for it
        self.go.set()
        self.write: Optional[Callable[[http.server.BaseHTTPRequestHandler], None]] = None
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.requests.append(self.path)
                assert issuer.go.wait(LONG / 3)  # who waits for an answer that is held back sees it end
                try:
                    if issuer.write is not None:
                        issuer.write(self)
                        return
                    self.send_response(issuer.status)
                    for name, value in issuer.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(issuer.body)))
                    self.end_headers()
                    self.wfile.write(issuer.body)
                except OSError:
                    pass  # the client went

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/.well-known/jwks.json"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def publish(self, *kids: str) -> None:
        """Publishes keys of these ids, each of its own material."""
        keys = json.loads(published(JWS))["keys"]
        self.body = json.dumps({"keys": [{**key, "kid": kid} for key, kid in zip(keys, kids)]}).encode()

    def encrypt(self, certificate: pathlib.Path) -> None:
        """Speaks TLS from now on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")

    def close(self) -> None:
        self.go.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(LONG)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    running = Issuer()
    running.publish("one")
    yield running
    running.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A certificate for 127.0.0.1 with its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer")])
    day = datetime.timedelta(days=1)
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    made = builder.sign(key, hashes.SHA256())
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("issuer") / "certificate.pem"
    path.write_bytes(private + made.public_bytes(encoding))
    return path


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def keys_of(issuer: Issuer, clock: Clock, **options: Any) -> sessionauth.PublishedKeys:
    return sessionauth.PublishedKeys(issuer.url, steady=clock, **{"wait": LONG, "timeout": LONG, **options})


def settle(keys: sessionauth.PublishedKeys) -> None:
    """Waits for the refresh under way, if there is one."""
    if keys._refresh is not None:
        keys._refresh.join(LONG)
        assert not keys._refresh.is_alive()


def under_way(keys: sessionauth.PublishedKeys) -> bool:
    """Whether a refresh is still under way: then nobody waited for it."""
    return keys._refresh is not None and keys._refresh.is_alive()


def test_tokens_are_verified_under_published_keys(issuer: Issuer) -> None:
    issuer.body = published(JWS)
    keys = keys_of(issuer, Clock())
    verifier = verifier_of(JWS, keys)
    signed = [case for case in JWS["cases"] if case["want"] == "valid" and case["token"].count(".") == 2]
    for case in signed:
        assert verifier.verify_token(case["token"]).install_id == case["install_id"]
    assert issuer.requests == ["/.well-known/jwks.json"]


def test_load_fetches_once(issuer: Issuer) -> None:
    keys = keys_of(issuer, Clock())
    assert keys.load() and keys.load()
    assert keys.find("one")
    assert len(issuer.requests) == 1


def test_load_tells_that_there_is_nothing(issuer: Issuer) -> None:
    issuer.status = 500
    assert not keys_of(issuer, Clock()).load()


def test_a_copy_is_refreshed_behind_the_caller(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    issuer.publish("two")
    clock.now += 299
    assert keys.find("one")
    assert len(issuer.requests) == 1

    clock.now += 1
    issuer.go.clear()
    assert keys.find("one")
    assert keys.find("one")
    assert under_way(keys)
    issuer.go.set()
    settle(keys)
    assert len(issuer.requests) == 2
    assert keys.find("two")
    assert keys.find("one") is None  # asked for anew, which the pause forbids
    assert len(issuer.requests) == 2


def test_a_copy_that_nobody_asked_for_is_refreshed_before_it_is_used(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    issuer.publish("two")
    clock.now += 600
    assert keys.find("one") is None
    assert keys.find("two")
    assert len(issuer.requests) == 2


def test_an_outage_is_survived_and_told_once(issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    issuer.status = 503
    clock.now += 600
    for _ in range(1000):  # 1000 s of outage, and a request a second
        clock.now += 1
        assert keys.find("one")
        settle(keys)
    assert len(issuer.requests) == 1 + 100  # one in ten seconds

    issuer.status = 200
    issuer.publish("one", "two")
    clock.now += 10
    assert keys.find("one")
    settle(keys)
    assert keys.find("two")
    assert [each.message for each in caplog.records] == [
        "published keys cannot be read; the last copy stays in force (KeysError)",
        "published keys can be read again",
    ]


def test_nobody_waits_for_an_issuer_that_is_known_to_be_out(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    issuer.status = 503
    clock.now += 600
    assert keys.find("one")
    clock.now += 10
    issuer.go.clear()
    assert keys.find("one")
    assert under_way(keys)
    issuer.go.set()
    settle(keys)
    assert len(issuer.requests) == 3


def test_a_copy_outlives_an_outage(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    issuer.status = 503
    clock.now += 365 * 86400
    assert keys.find("one")


def test_an_empty_first_set_is_none(issuer: Issuer) -> None:
    clock = Clock()
    issuer.publish()
    keys = keys_of(issuer, clock)
    with pytest.raises(sessionauth.Unavailable) as refused:
        keys.find("one")
    assert refused.value.reason == "keys_unavailable"


def test_without_a_first_copy_sessions_are_neither_sound_nor_unsound(issuer: Issuer) -> None:
    clock = Clock()
    issuer.status = 500
    keys = keys_of(issuer, clock)
    verifier = verifier_of(JWS, keys)
    signed = next(case["token"] for case in JWS["cases"] if case["want"] == "valid" and case["token"].count(".") == 2)
    for _ in range(20):
        with pytest.raises(sessionauth.Unavailable) as refused:
            verifier.verify(["Bearer " + signed])
        assert refused.value.status == 503
    assert len(issuer.requests) == 1
    with pytest.raises(sessionauth.InvalidToken):
        verifier.verify(["Bearer no token at all"])

    issuer.status, issuer.body = 200, published(JWS)
    clock.now += 1
    assert verifier.verify(["Bearer " + signed])


def test_a_key_that_is_new_is_found_at_once(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    issuer.publish("one", "two")
    clock.now += 10
    assert keys.find("two")
    assert len(issuer.requests) == 2


def test_unknown_ids_never_hammer_the_issuer(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    for number in range(500):
        assert keys.find(f"unknown-{number}") is None
    assert len(issuer.requests) == 1
    for _ in range(30):
        clock.now += 1
        assert keys.find("unknown") is None
    assert len(issuer.requests) == 4

    clock.now += 10
    callers = [threading.Thread(target=keys.find, args=(f"unknown-{number}",)) for number in range(50)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(LONG)
    assert len(issuer.requests) == 5


def test_what_is_no_id_is_not_asked_for(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.load()
    clock.now += 10
    for kid in ("", "a b", "a" * 65, "ä", "\n"):
        assert keys.find(kid) is None
    assert len(issuer.requests) == 1


def test_nobody_waits_beyond_the_bound(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock, wait=0.05)
    issuer.go.clear()
    with pytest.raises(sessionauth.Unavailable):
        keys.find("one")
    issuer.go.set()
    settle(keys)
    assert keys.find("one")
    clock.now += 10
    issuer.go.clear()
    assert keys.find("unknown") is None
    assert under_way(keys)


def test_who_comes_late_to_a_slow_refresh_does_not_wait_anew(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    clock.now += 300
    issuer.go.clear()
    assert keys.find("one")  # starts it
    clock.now += LONG
    assert keys.find("unknown") is None
    assert under_way(keys)
    issuer.go.set()
    settle(keys)
    assert len(issuer.requests) == 2  # and neither did it start another one


def trickle(handler: http.server.BaseHTTPRequestHandler) -> None:
    """Sends a byte, and again a byte, until nobody listens any more."""
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.flush()
    while True:
        handler.wfile.write(b" ")
        handler.connection.settimeout(0.01)
        try:
            if handler.connection.recv(1) == b"":
                return
        except socket.timeout:
            pass


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_an_answer_that_never_ends_is_cut(issuer: Issuer, secure: bool, certificate: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if secure:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        issuer.encrypt(certificate)
    issuer.write = trickle
    keys = keys_of(issuer, Clock(), timeout=1.0)
    with pytest.raises((OSError, http.client.HTTPException)):  # which one depends on where it stood
        keys._fetch()
    assert issuer.requests


def test_of_an_answer_without_end_no_more_is_taken_than_a_set_may_have(issuer: Issuer) -> None:
    sent: List[int] = []

    def pour(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(256):
            handler.wfile.write(b" " * (1 << 20))
            sent.append(1)

    issuer.write = pour
    assert not keys_of(issuer, Clock()).load()
    assert len(sent) < 128  # in MiB; sockets hold some


def test_https_asks_for_a_certificate_that_is_trusted(issuer: Issuer, certificate: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    issuer.encrypt(certificate)
    assert not keys_of(issuer, Clock()).load()
    assert issuer.requests == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert keys_of(issuer, Clock()).find("one")


def test_a_refresh_that_hangs_is_over_after_its_time(issuer: Issuer) -> None:
    issuer.go.clear()
    keys = keys_of(issuer, Clock(), timeout=0.1)
    assert not keys.load()
    settle(keys)


@pytest.mark.parametrize(
    "status, headers, body",
    [
        (200, {}, b""),
        (200, {}, b"{}"),
        (200, {}, b'{"keys":[' + b" " * (1 << 20) + b"]}"),
        (200, {}, b'{"keys":{}}'),
        (204, {}, b""),
        (404, {}, b'{"keys":[]}'),
        (302, {"Location": "/elsewhere"}, b'{"keys":[]}'),
    ],
)
def test_answers_that_change_nothing(issuer: Issuer, status: int, headers: Dict[str, str], body: bytes) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    issuer.status, issuer.headers, issuer.body = status, headers, body
    clock.now += 600
    assert keys.find("one")
    assert issuer.requests == ["/.well-known/jwks.json"] * 2


def test_an_empty_set_takes_force(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    issuer.publish()
    clock.now += 600
    assert keys.find("one") is None


def test_a_symmetric_key_is_never_taken_from_an_address(issuer: Issuer) -> None:
    secret = b"known to everybody who can read this address"
    key = {"kty": "oct", "alg": "HS256", "use": "sig", "kid": "hs", "k": encode(secret), "sign_from": "2026-01-01T00:00:00Z"}
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    issuer.body = json.dumps({"keys": [key]}).encode()
    clock.now += 600
    claims = {"v": 2, "kid": "hs", "iat": JWS["now"], "nbf": JWS["now"], "iss": JWS["issuer"], "aud": JWS["audience"], "exp": JWS["now"] + 9}
    forged = compact(json.dumps({**claims, "install_id": "install-12345"}).encode(), secret)
    with pytest.raises(sessionauth.InvalidToken) as refused:
        verifier_of(JWS, keys).verify_token(forged)
    assert refused.value.reason == "unknown_key"
    # The token is sound, were the key one of ours.
    assert verifier_of(JWS, sessionauth.Ring.from_secrets({"hs": secret.decode()})).verify_token(forged)


def test_many_threads_see_whole_copies(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.load()
    missing: List[str] = []

    def ask() -> None:
        for _ in range(200):
            if keys.find("one") is None:
                missing.append("one")

    callers = [threading.Thread(target=ask) for _ in range(8)]
    for caller in callers:
        caller.start()
    for _ in range(50):
        clock.now += 300
        settle(keys)
    for caller in callers:
        caller.join(LONG)
    assert missing == []


@pytest.mark.parametrize(
    "url",
    [
        "sessions.test/jwks.json",
        "ftp://sessions.test/",
        "file:///etc/passwd",
        "https://",
        "https://user:password@sessions.test/",
        "https://sessions.test:http/",
        "http://sessions.test/",
        "http://127.0.0.1.sessions.test/",
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(ValueError):
        sessionauth.PublishedKeys(url)


@pytest.mark.parametrize("options", [{"fresh_for": 0}, {"timeout": 0}, {"wait": -1}])
def test_options_that_are_refused(options: Dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        sessionauth.PublishedKeys("https://sessions.test/", **options)


def test_addresses_that_are_taken() -> None:
    for url in ("https://sessions.test/a?b=c#d", "http://localhost:8080/", "http://[::1]:8080/", "https://[2001:db8::1]/"):
        sessionauth.PublishedKeys(url)
    sessionauth.PublishedKeys("http://sessiond:8080/.well-known/jwks.json", plain_http=True)
