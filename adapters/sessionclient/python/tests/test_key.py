"""Keys of the device: files, what they hold, and what a client makes of one that fails."""

from __future__ import annotations

import os
import pathlib
import stat
import threading
import urllib.error
from typing import Any, Dict, List, Optional

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from conftest import Sessiond, until
from proofs import verified
from sessionclient import FileKey, FileStorage, MemoryKey, SessionError
from sessionclient._proof import Device, is_thumbprint
from sessionclient._signer import PrivateKey


def pem(private: Any, encryption: Optional[bytes] = None) -> bytes:
    text: bytes = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(encryption)
        if encryption
        else serialization.NoEncryption(),
    )
    return text


def written(path: pathlib.Path, data: bytes, mode: int = 0o600) -> pathlib.Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def mode(path: pathlib.Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_file_is_created_once_and_for_its_owner_only(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "folder" / "key"
    before = os.umask(0)
    try:
        one = FileKey(path).signer().jwk
    finally:
        os.umask(before)
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert path.read_text().startswith("-----BEGIN PRIVATE KEY-----\n")
    assert FileKey(str(path)).signer().jwk == one
    assert FileKey(path).signer().algorithm == "ES256"


def test_threads_create_one_key(tmp_path: pathlib.Path) -> None:
    keys: List[Any] = []
    ready = threading.Barrier(8)

    def use() -> None:
        key = FileKey(tmp_path / "key")
        ready.wait(60)
        keys.append(key.signer().jwk)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert len(keys) == 8
    assert all(each == keys[0] for each in keys)


def test_file_is_read_before_each_use(tmp_path: pathlib.Path) -> None:
    one, other = FileKey(tmp_path / "key"), FileKey(tmp_path / "key")
    before = one.signer()
    assert one.signer() is before
    other.forget()
    assert not (tmp_path / "key").exists()
    assert one.signer().jwk != before.jwk
    assert one.signer().jwk == other.signer().jwk


def test_empty_file_is_a_new_key(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path / "key", b"")
    assert FileKey(path).signer().algorithm == "ES256"
    assert path.stat().st_size > 0


def test_file_that_does_not_keep_the_key_is_an_error(
    sessiond: Sessiond, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileStorage, "save", lambda *_: None)
    with pytest.raises(SessionError) as caught:
        sessiond.client(key=FileKey(tmp_path / "key")).token()
    assert "does not keep the key" in str(caught.value.__cause__)
    assert sessiond.bodies == []


def test_ed25519_key_is_used(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path / "key", pem(ed25519.Ed25519PrivateKey.generate()))
    signer = FileKey(path).signer()
    assert (signer.algorithm, signer.jwk["crv"]) == ("EdDSA", "Ed25519")
    claims = verified(Device(signer).prove("GET", "https://a.example/", None, None, 1.9))
    assert (claims["iat"], "ath" in claims, "nonce" in claims) == (1, False, False)


BAD: Dict[str, bytes] = {
    "no key": b"no key",
    "no text": b"\xff\xfe\x00",
    "half": pem(ec.generate_private_key(ec.SECP256R1()))[:100],
    "another curve": pem(ec.generate_private_key(ec.SECP384R1())),
    "RSA": pem(rsa.generate_private_key(65537, 1024)),
    "encrypted": pem(ec.generate_private_key(ec.SECP256R1()), b"password"),
    "another form": ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ),
    "public": ec.generate_private_key(ec.SECP256R1())
    .public_key()
    .public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ),
    "white space": b" \n",
    "large": b"x" * (1 << 20),
}


@pytest.mark.parametrize("name", BAD)
def test_corrupt_file_is_an_error_and_stays(
    name: str, sessiond: Sessiond, tmp_path: pathlib.Path
) -> None:
    path = written(tmp_path / "key", BAD[name])
    client = sessiond.client(key=FileKey(path))
    with pytest.raises(SessionError) as caught:
        client.token()
    assert caught.value.code == "key_unavailable"
    assert str(caught.value) == "no session: key_unavailable"
    assert str(caught.value.__cause__) == f"{path}: not a P-256 or Ed25519 key"
    assert path.read_bytes() == BAD[name]
    assert sessiond.bodies == []
    client.sign_out()
    assert client.token() == "token-1"
    assert mode(path) == 0o600


@pytest.mark.parametrize("others", [0o640, 0o604, 0o620, 0o601])
def test_file_that_others_can_use_is_an_error(
    others: int, sessiond: Sessiond, tmp_path: pathlib.Path
) -> None:
    path = written(tmp_path / "key", pem(ec.generate_private_key(ec.SECP256R1())), others)
    client = sessiond.client(key=FileKey(path))
    with pytest.raises(SessionError) as caught:
        client.open(sessiond.url)
    assert caught.value.code == "key_unavailable"
    assert "set its mode to 0600" in str(caught.value.__cause__)
    assert (mode(path), sessiond.bodies, sessiond.application) == (others, [], [])
    path.chmod(0o600)
    assert client.token() == "token-1"


def test_link_and_folder_are_errors_and_stay(sessiond: Sessiond, tmp_path: pathlib.Path) -> None:
    target = written(tmp_path / "target", pem(ec.generate_private_key(ec.SECP256R1())))
    (tmp_path / "link").symlink_to(target)
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "link", tmp_path / "folder"):
        client = sessiond.client(key=FileKey(path))
        with pytest.raises(SessionError) as caught:
            client.token()
        assert caught.value.code == "key_unavailable"
        with pytest.raises(OSError):
            client.sign_out()
        with pytest.raises(SessionError):
            client.token()
    assert target.exists() and (tmp_path / "link").is_symlink()
    assert sessiond.bodies == []


class Failing:
    """A key that a test makes fail."""

    def __init__(self) -> None:
        self.inner = MemoryKey()
        self.fails: Optional[str] = None
        self.forgotten = 0

    def signer(self) -> Any:
        if self.fails == "signer":
            raise RuntimeError("no signer")
        return self

    def forget(self) -> None:
        self.forgotten += 1
        if self.fails == "forget":
            raise RuntimeError("cannot forget")
        self.inner.forget()

    @property
    def algorithm(self) -> str:
        return "RS256" if self.fails == "algorithm" else "ES256"

    @property
    def jwk(self) -> Dict[str, str]:
        jwk = dict(self.inner.signer().jwk)
        if self.fails == "coordinate":
            jwk["x"] += "A"
        elif self.fails == "member":
            del jwk["y"]
        elif self.fails == "curve":
            jwk["crv"] = "P-384"
        return jwk

    def sign(self, message: bytes) -> bytes:
        if self.fails == "sign":
            raise RuntimeError("no signature")
        return b"short" if self.fails == "length" else self.inner.signer().sign(message)


@pytest.mark.parametrize(
    "fails", ["signer", "algorithm", "coordinate", "member", "curve", "sign", "length"]
)
def test_key_that_fails_is_a_typed_error(fails: str, sessiond: Sessiond) -> None:
    key = Failing()
    key.fails = fails
    client = sessiond.client(key=key)
    for call in (client.token, lambda: client.open(sessiond.url)):
        with pytest.raises(SessionError) as caught:
            call()
        assert (caught.value.code, caught.value.status) == ("key_unavailable", None)
        assert caught.value.__cause__ is not None
        assert caught.value.__cause__.__traceback__ is None
    assert (sessiond.bodies, sessiond.application) == ([], [])
    key.fails = None
    assert client.token() == "token-1"


def test_key_that_fails_later_gives_no_session_away(sessiond: Sessiond) -> None:
    key = Failing()
    client = sessiond.client(key=key)
    client.open(sessiond.url).close()
    key.fails = "signer"
    with pytest.raises(SessionError):
        client.open(sessiond.url)
    with pytest.raises(SessionError):
        client.credentials("GET", sessiond.url)
    assert len(sessiond.application) == 1


def test_401_is_returned_if_the_key_fails_meanwhile(sessiond: Sessiond) -> None:
    class Lost(Failing):
        def sign(self, message: bytes) -> bytes:
            if self.fails == "next":
                self.fails = "signer"
            return super().sign(message)

    key = Lost()
    client = sessiond.client(key=key)
    client.token()
    key.fails = "next"
    sessiond.refuse = [{"X-Error-Code": "expired_token"}]
    with pytest.raises(urllib.error.HTTPError) as caught:
        client.open(sessiond.url)
    caught.value.close()
    assert (caught.value.code, len(sessiond.application)) == (401, 1)


def test_key_that_cannot_be_forgotten_is_not_used(sessiond: Sessiond) -> None:
    key = Failing()
    client = sessiond.client(key=key)
    client.open(sessiond.url).close()
    before = key.inner.signer().jwk
    key.fails = "forget"
    with pytest.raises(RuntimeError, match="cannot forget"):
        client.sign_out()
    for _ in range(2):
        with pytest.raises(SessionError) as caught:
            client.open(sessiond.url)
        assert caught.value.code == "key_unavailable"
    assert (len(sessiond.bodies), key.forgotten) == (1, 3)
    key.fails = None
    client.open(sessiond.url).close()
    assert key.inner.signer().jwk != before
    ids = [each["install_id"] for each in sessiond.bodies]
    assert len(set(ids)) == 2 and all(map(is_thumbprint, ids))


def test_sign_out_during_an_exchange_drops_its_session(
    sessiond: Sessiond, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "key"
    client = sessiond.client(key=FileKey(path))
    sessiond.go.clear()
    got: List[str] = []
    thread = threading.Thread(target=lambda: got.append(client.token()))
    thread.start()
    until(lambda: sessiond.waiting == 1, "the exchange")
    FileKey(path).forget()
    sessiond.go.set()
    thread.join(60)
    assert got == ["token-2"]
    first, second = (each["install_id"] for each in sessiond.bodies)
    assert first != second
    assert second == Device(FileKey(path).signer()).install_id


def test_no_text_shows_the_key(tmp_path: pathlib.Path) -> None:
    key = FileKey(tmp_path / "key")
    signer = key.signer()
    assert isinstance(signer, PrivateKey)
    secret = signer.text().splitlines()[1][:20]
    for each in (key, signer, MemoryKey(), Device(signer)):
        assert secret not in repr(each) + str(each)
