"""Services with a certificate of a private CA."""

from __future__ import annotations

import datetime
import ipaddress
import pathlib
import ssl
from typing import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from conftest import Sessiond
from sessionclient import SessionError
from test_exchange import trickle_body


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A self-signed certificate for 127.0.0.1 with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sessiond")])
    day = datetime.timedelta(days=1)
    now = datetime.datetime.now(datetime.timezone.utc)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now - day, now + day
        )
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(private + made.public_bytes(pem))
    return path


@pytest.fixture
def secure(sessiond: Sessiond, certificate: pathlib.Path) -> Iterator[Sessiond]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    sessiond.server.socket = context.wrap_socket(sessiond.server.socket, server_side=True)
    sessiond.url = sessiond.url.replace("http:", "https:")
    yield sessiond


def test_context_is_used_for_both(secure: Sessiond, certificate: pathlib.Path) -> None:
    context = ssl.create_default_context(cafile=str(certificate))
    with secure.client(ssl_context=context).open(secure.url) as response:
        assert response.status == 200
    assert secure.tokens() == ["Bearer token-1"]


def test_unknown_authority_is_unreachable(secure: Sessiond) -> None:
    with pytest.raises(SessionError) as raised:
        secure.client().token()
    assert raised.value.code == "unreachable"
    assert secure.bodies == []


def test_trickling_server_ends_by_the_timeout(
    secure: Sessiond, certificate: pathlib.Path
) -> None:
    secure.write = trickle_body
    context = ssl.create_default_context(cafile=str(certificate))
    with pytest.raises(SessionError) as raised:
        secure.client(ssl_context=context, timeout=1).token()
    assert raised.value.code == "timeout"
