"""Runs the example of bound sessions in the README unchanged under the real FastAPI."""

from __future__ import annotations

import importlib
import pathlib
import shutil
from typing import Any, Dict, List

import pytest
from fastapi.testclient import TestClient

import sessionauth
import sessionauth_proof
from conftest import HERE, SECOND, compact
from devices import Device, digest
from test_readme import CHALLENGE, NOW, SECRET, claims, examples, run

DEVICE = Device("ES256")
PROOFS = 'algs="ES256 EdDSA"'
URL = "https://api.example.com/v1/library"


def token(device: Device = DEVICE, **changed: Any) -> str:
    id = device.thumbprint
    bound = {"v": 3, "aud": "offload-ios:bound", "install_id": id, "cnf": {"jkt": id}, **changed}
    return compact(claims("v2-default", **bound), SECRET.encode())


def proof(device: Device = DEVICE, of: str = "", **changed: Any) -> str:
    sound = {"jti": "1", "htm": "GET", "htu": URL, "iat": NOW, "ath": digest(of or token())}
    return device.proof(**{**sound, **changed})


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """Returns a client of the first example with the verifier of the third one."""
    monkeypatch.setenv("NONCE_SECRET", "a secret of the processes")
    first, _, third = examples()
    imports = first.split("verifier = ", 1)[0] + "app = FastAPI()\n"
    routes = "@app.exception_handler" + first.split("@app.exception_handler", 1)[1]
    keys = sessionauth.Ring.from_secrets({"v2-default": SECRET})
    names: Dict[str, Any] = {"__name__": "example", "keys": keys}
    run(imports + third + routes, names)
    names["verifier"]._clock = lambda: NOW * SECOND
    return TestClient(names["app"])


def test_bound_session_is_accepted(client: TestClient) -> None:
    headers = {"Authorization": "DPoP " + token(), "DPoP": proof()}
    answer = client.get("/v1/library?page=2", headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"install_id": DEVICE.thumbprint})
    bearer = compact(claims("v2-default"), SECRET.encode())
    answer = client.get("/v1/library", headers={"Authorization": "Bearer " + bearer})
    assert answer.status_code == 200


INVALID_TOKEN = ("invalid_token", [CHALLENGE + ', error="invalid_token"'])
INVALID_PROOF = ("invalid_proof", ['DPoP error="invalid_dpop_proof", ' + PROOFS])
REFUSED = {
    "no credentials": ([], [], ("unauthorized", [CHALLENGE, "DPoP " + PROOFS])),
    "as bearer": (["Bearer " + token()], [proof()], INVALID_TOKEN),
    "expired": (
        ["DPoP " + token(exp=NOW)],
        [],
        ("expired_token", [CHALLENGE + ', error="invalid_token", error_description="expired"']),
    ),
    "expired, as bearer": (["Bearer " + token(exp=NOW)], [], INVALID_TOKEN),
    "the audience of others": (["DPoP " + token(aud="offload-ios")], [proof()], INVALID_TOKEN),
    "no proof": (["DPoP " + token()], [], INVALID_PROOF),
    "two proofs": (["DPoP " + token()], [proof(), proof()], INVALID_PROOF),
    "another method": (["DPoP " + token()], [proof(htm="PUT")], INVALID_PROOF),
    "another path": (["DPoP " + token()], [proof(htu=URL + "/")], INVALID_PROOF),
    "another origin": (
        ["DPoP " + token()],
        [proof(htu="http://testserver/v1/library")],
        INVALID_PROOF,
    ),
    "another token": (["DPoP " + token()], [proof(of="x")], INVALID_PROOF),
    "another key": (["DPoP " + token()], [proof(Device("EdDSA"))], INVALID_TOKEN),
    "a bearer session with the name of a key": (
        ["Bearer " + token(v=2, aud="offload-ios")],
        [],
        INVALID_TOKEN,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(client: TestClient, name: str) -> None:
    authorization, proofs, (code, challenges) = REFUSED[name]
    headers = [("Authorization", each) for each in authorization]
    headers += [("DPoP", each) for each in proofs]
    answer = client.get("/v1/library", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["x-error-code"] == answer.json()["error"]["code"] == code
    assert answer.headers.get_list("www-authenticate") == challenges
    assert "dpop-nonce" not in answer.headers


@pytest.mark.parametrize("wrong", [-86400, 86400])
def test_wrong_clock_needs_one_more_request(client: TestClient, wrong: int) -> None:
    headers = {"Authorization": "DPoP " + token(), "DPoP": proof(iat=NOW + wrong)}
    answer = client.get("/v1/library", headers=headers)
    assert answer.status_code == 401
    assert answer.content == (
        b'{"error":{"code":"proof_nonce_required","message":"Proof needs a nonce",'
        b'"request_id":"%s"}}' % answer.headers["x-request-id"].encode()
    )
    assert answer.headers["www-authenticate"] == 'DPoP error="use_dpop_nonce", ' + PROOFS
    headers["DPoP"] = proof(iat=NOW + wrong, nonce=answer.headers["dpop-nonce"])
    assert client.get("/v1/library", headers=headers).status_code == 200


def binding(**changed: Any) -> sessionauth_proof.Binding:
    sound: Dict[str, Any] = {"public_origins": ("https://a.example",)}
    return sessionauth_proof.Binding(**{**sound, **changed})


REFUSED_ARGUMENTS: List[Any] = [
    ({"public_origins": ()}, ValueError),
    ({"public_origins": "https://a.example"}, TypeError),
    ({"public_origins": ("https://a.example/",)}, ValueError),
    ({"public_origins": ("a.example",)}, ValueError),
    ({"public_origins": (1,)}, TypeError),
    ({"required": 1}, TypeError),
    ({"bound_audiences": ()}, ValueError),
    ({"bound_audiences": ("a", "")}, ValueError),
    ({"bound_audiences": "a"}, TypeError),
    ({"nonce_secret": " \n"}, ValueError),
    ({"nonce_secret": b"secret"}, TypeError),
]


@pytest.mark.parametrize("changed, kind", REFUSED_ARGUMENTS)
def test_arguments(changed: Dict[str, Any], kind: Any) -> None:
    with pytest.raises(kind):
        binding(**changed)


def test_audiences() -> None:
    assert binding().audiences(("ios", "web")) == ("ios:bound", "web:bound")
    assert binding(bound_audiences=("keys",)).audiences(("ios", "web")) == ("keys",)
    with pytest.raises(ValueError):
        binding(bound_audiences=("web",)).audiences(("ios", "web"))


@pytest.mark.usefixtures("no_cryptography")
def test_binding_without_cryptography() -> None:
    with pytest.raises(sessionauth.KeysError):
        binding()


def test_files_may_be_copied_into_a_package(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "a_service"
    package.mkdir()
    for name in ("sessionauth.py", "sessionauth_proof.py"):
        shutil.copy(HERE / name, package)
    monkeypatch.syspath_prepend(tmp_path)
    copied = importlib.import_module("a_service.sessionauth_proof")
    assert copied.sessionauth.__name__ == "a_service.sessionauth"
