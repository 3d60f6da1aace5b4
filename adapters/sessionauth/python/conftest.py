"""Fixtures and helpers.

They provide vectors, tokens, an issuer on loopback, and an environment without cryptography.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import http.server
import ipaddress
import json
import pathlib
import ssl
import sys
import threading
from email.message import Message
from typing import Any, Callable, Dict, Iterator, List, Optional

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
VECTORS = ROOT / "test" / "vectors"

sys.path.insert(0, str(HERE))

import sessionauth  # noqa: E402

SECOND = 10**9
LONG = 180.0  # seconds: more than any step of a test takes, so that a wait this long means a hang


def encode(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def compact(payload: bytes, secret: bytes) -> str:
    """Returns a signed token in the compact form, with any payload."""
    signed = encode(payload)
    return signed + "." + encode(hmac.new(secret, signed.encode("ascii"), hashlib.sha256).digest())


def jws(header: bytes, payload: bytes, seed: bytes) -> str:
    """Returns a signed token in the JWS form, with any header and payload."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    signed = encode(header) + "." + encode(payload)
    return (
        signed
        + "."
        + encode(Ed25519PrivateKey.from_private_bytes(seed).sign(signed.encode("ascii")))
    )


P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def point(kid: str, scalar: int) -> Dict[str, Any]:
    """Returns a P-256 key as in a keyset file."""
    from cryptography.hazmat.primitives.asymmetric import ec

    public = ec.derive_private_key(scalar, ec.SECP256R1()).public_key().public_numbers()
    return {
        "kty": "EC",
        "crv": "P-256",
        "alg": "ES256",
        "kid": kid,
        "x": encode(public.x.to_bytes(32, "big")),
        "y": encode(public.y.to_bytes(32, "big")),
        "d": encode(scalar.to_bytes(32, "big")),
        "sign_from": "2026-02-16T12:00:00Z",
    }


def public_point(kid: str, scalar: int) -> Dict[str, Any]:
    """Returns a P-256 key as sessiond publishes it."""
    key = point(kid, scalar)
    return {name: key[name] for name in ("kty", "crv", "alg", "kid", "x", "y")}


def other_s(token: str) -> str:
    """Returns a token of ES256 with the other value of s, which is as valid to ECDSA."""
    signed, _, text = token.rpartition(".")
    signature = decode(text)
    s = P256_ORDER - int.from_bytes(signature[32:], "big")
    return signed + "." + encode(signature[:32] + s.to_bytes(32, "big"))


def jws_es256(header: bytes, payload: bytes, scalar: int) -> str:
    """Returns a token in the JWS form signed with ES256 and the lower s."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    signed = encode(header) + "." + encode(payload)
    key = ec.derive_private_key(scalar, ec.SECP256R1())
    r, s = utils.decode_dss_signature(key.sign(signed.encode("ascii"), ec.ECDSA(hashes.SHA256())))
    s = min(s, P256_ORDER - s)
    return signed + "." + encode(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def groups() -> List[Dict[str, Any]]:
    """Returns the groups of the vectors, starting with the first."""
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
    """Returns a verifier with the configuration of a group.

    It has the keys of the group unless others are given.
    """
    return sessionauth.Verifier(
        *(sources or (ring_of(of),)),
        issuer=of["issuer"],
        audience=of["audience"],
        clock_skew_seconds=of["clock_skew_seconds"],
        clock=lambda: of["now"] * SECOND,
    )


def published(of: Dict[str, Any]) -> bytes:
    """Returns the public part of a group's keyset.

    It is what sessiond publishes while all keys are in force.
    """
    shown = ("kty", "crv", "alg", "kid", "x")
    keys = [
        {name: key[name] for name in shown} for key in of["keyset"]["keys"] if key["kty"] == "OKP"
    ]
    return json.dumps({"keys": [{**key, "use": "sig"} for key in keys]}).encode()


class Issuer:
    """A server whose responses the tests set, and whose requests they count."""

    def __init__(self) -> None:
        self.requests: List[str] = []
        self.last: Optional[Message] = None  # the headers of the last request
        self.status = 200
        self.headers: Dict[str, str] = {}
        self.length = 0  # announced in place of the body's
        self.body = published(group("JWS"))
        self.go = threading.Event()  # answers wait for it
        self.go.set()
        self.write: Optional[Callable[[http.server.BaseHTTPRequestHandler], None]] = None
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.requests.append(self.path)
                issuer.last = self.headers
                assert issuer.go.wait(
                    LONG / 3
                )  # an answer that a test holds back for too long fails
                try:
                    if issuer.write is not None:
                        issuer.write(self)
                        return
                    self.send_response(issuer.status)
                    for name, value in issuer.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(issuer.length or len(issuer.body)))
                    self.end_headers()
                    self.wfile.write(issuer.body)
                except OSError:
                    pass  # the client went away

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/.well-known/jwks.json"
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self.thread.start()

    def publish(self, *kids: str) -> None:
        """Publishes keys with these IDs, each with its own material."""
        keys = json.loads(published(group("JWS")))["keys"]
        self.body = json.dumps(
            {"keys": [{**key, "kid": kid} for key, kid in zip(keys, kids)]}
        ).encode()

    def encrypt(self, certificate: pathlib.Path) -> None:
        """Uses TLS from now on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")

    def close(self) -> None:
        self.go.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(LONG)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A self-signed certificate for 127.0.0.1 with its key."""
    # Imported here, because a test runs without the package.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer")])
    day = datetime.timedelta(days=1)
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now - day, now + day
    )
    builder = builder.add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
        critical=False,
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    made = builder.sign(key, hashes.SHA256())
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("issuer") / "certificate.pem"
    path.write_bytes(private + made.public_bytes(encoding))
    return path


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    running = Issuer()
    running.publish("one")
    yield running
    running.close()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def keys_of(issuer: Issuer, clock: Clock, **options: Any) -> sessionauth.PublishedKeys:
    return sessionauth.PublishedKeys(
        issuer.url, steady=clock, wall=clock, **{"wait": LONG, "timeout": LONG, **options}
    )


def settle(keys: sessionauth.PublishedKeys) -> None:
    """Waits for the refresh in progress, if there is one."""
    if keys._refresh is not None:
        keys._refresh.join(LONG)
        assert not keys._refresh.is_alive()


def in_progress(keys: sessionauth.PublishedKeys) -> bool:
    """Reports whether a refresh is still in progress, which means that no caller waited for it."""
    return keys._refresh is not None and keys._refresh.is_alive()


@pytest.fixture
def no_cryptography(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes the package cryptography impossible to import."""
    for name in [
        *sys.modules,
        "cryptography",
        "cryptography.exceptions",
        "cryptography.hazmat.primitives.asymmetric.ed25519",
    ]:
        if name.split(".")[0] == "cryptography":
            monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError):
        import cryptography  # noqa: F401
    yield
