"""Sends proofs that are made by requests-oauth2client to a running service, and has that library
verify proofs of ours. The first argument is the service's origin; standard input has a line of JSON
for each proof of ours."""

import json
import sys
import time

import jwskate
import requests
from requests_oauth2client import DPoPKey, DPoPToken
from requests_oauth2client.dpop import InvalidDPoPProof, validate_dpop_proof

DAY = 24 * 60 * 60
origin = sys.argv[1]
issue_url, current_url = origin + "/v1/sessions/anonymous", origin + "/v1/sessions/current"


def issue(key: DPoPKey, *proof: str, **proved: str) -> requests.Response:
    """Requests a session with a proof: the one given, or a new one."""
    headers = {"DPoP": proof[0] if proof else str(key.proof(htm="POST", htu=issue_url, **proved))}
    body = {"install_id": key.dpop_jkt, "app_version": "1.0", "platform": "ios"}
    return requests.post(issue_url, json=body, headers=headers, timeout=60)


def current(key: DPoPKey, token: str) -> requests.Response:
    """Requests the session of a token, as a resource of an OAuth client."""
    auth = DPoPToken(access_token=token, _dpop_key=key)
    return requests.get(current_url + "?any=query", auth=auth, timeout=60)


def accepted() -> None:
    for alg in ("ES256", "EdDSA"):
        for wrong in (0, DAY, -DAY):
            key = DPoPKey.generate(alg, iat_generator=lambda: int(time.time()) + wrong)
            answer = issue(key)
            if wrong:
                assert answer.headers["X-Error-Code"] == "proof_nonce_required", answer.text
                answer = issue(key, nonce=answer.headers["DPoP-Nonce"])
            assert answer.status_code == 200, answer.text
            token = answer.json()["session_token"]
            # The library repeats a request by itself when it gets a nonce.
            seen = current(key, token)
            assert seen.status_code == 200, seen.text
            assert seen.json()["install_id"] == key.dpop_jkt
            proof = str(key.proof(htm="POST", htu=issue_url, nonce=key.rs_nonce))
            assert issue(key, proof).status_code == 200
            assert issue(key, proof).headers["X-Error-Code"] == "invalid_proof", "a proof is used once"
            stolen = current(DPoPKey.generate(alg), token)
            assert stolen.headers["X-Error-Code"] == "invalid_token", stolen.text
        print(f"{alg}: requests-oauth2client is accepted")


def ours() -> None:
    for line in sys.stdin:
        made = json.loads(line)
        proof, expected = made.pop("proof"), made
        jkt, alg = expected.pop("jkt"), expected.pop("alg")
        expected["algs"] = [alg]
        verified = validate_dpop_proof(proof, **expected)
        assert jwskate.Jwk(verified.headers["jwk"]).thumbprint() == jkt, "the thumbprint"
        for member in ("htm", "htu", "ath"):
            try:
                validate_dpop_proof(proof, **{**expected, member: "other"})
            except InvalidDPoPProof:
                continue
            raise AssertionError(f"{alg}: another {member} is accepted")
        print(f"{alg}: our proof is accepted by requests-oauth2client")


accepted()
ours()
