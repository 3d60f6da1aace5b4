"""A stand-in for the Python backend: its verification, with sessionauth and the backend's rules, and
the routes that matter for the cutover.

It reads the backend's variables, listens on the port that it is given, and writes "listening".
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from collections import defaultdict, deque
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

import sessionauth

ISSUER = os.environ.get("OFFLOAD_SESSION_TOKEN_ISSUER", "offload-backend")
AUDIENCE = os.environ.get("OFFLOAD_SESSION_TOKEN_AUDIENCE", "offload-ios")
KID = os.environ.get("OFFLOAD_SESSION_TOKEN_ACTIVE_KID", "v2-default")
TTL = int(os.environ.get("OFFLOAD_SESSION_TTL_SECONDS", "3600"))
LIMIT, WINDOW = 8, 60  # new sessions of an address, as the backend counts them

if "OFFLOAD_SESSION_SIGNING_KEYS" in os.environ:
    SECRETS = json.loads(os.environ["OFFLOAD_SESSION_SIGNING_KEYS"])
else:
    SECRETS = {KID: os.environ["OFFLOAD_SESSION_SECRET"]}

# The backend has no allowance for the clocks of others.
VERIFIER = sessionauth.Verifier(
    sessionauth.Ring.from_secrets(SECRETS), issuer=ISSUER, audience=AUDIENCE, clock_skew_seconds=0
)


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def issue(install_id: str) -> str:
    now = int(time.time())
    claims = {
        "v": 2, "kid": KID, "iat": now, "nbf": now, "iss": ISSUER, "aud": AUDIENCE,
        "install_id": install_id, "exp": now + TTL, "user_id": None,
    }
    payload = encode(json.dumps(claims, separators=(",", ":")).encode())
    secret = SECRETS[KID].strip().encode()
    return payload + "." + encode(hmac.new(secret, payload.encode(), hashlib.sha256).digest())


class Throttle:
    def __init__(self) -> None:
        self._lock = Lock()
        self._log = defaultdict(deque)

    def grant(self, address: str) -> bool:
        with self._lock:
            log, now = self._log[address], time.monotonic()
            while log and log[0] <= now - WINDOW:
                log.popleft()
            log.append(now)  # a refused request counts too
            return len(log) <= LIMIT


THROTTLE = Throttle()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status, body, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("X-Answered-By", "backend")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def session(self):
        try:
            return VERIFIER.verify(self.headers.get_all("Authorization", []))
        except sessionauth.SessionAuthError as error:
            answer = error.envelope(sessionauth.request_id([]))
            headers = [(k, v) for k, v in answer.headers.items() if k.lower() != "content-length"]
            self.reply(answer.status, answer.body, headers)
            return None

    def do_GET(self):
        if self.path == "/v1/library":
            session = self.session()
            if session is not None:
                self.reply(200, {"install_id": session.install_id, "key": session.key_id})
        elif self.path == "/v1/usage":
            if self.session() is not None:
                self.reply(200, {"used": 0})
        else:
            self.reply(404, {"error": {"code": "not_found"}})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path == "/v1/auth/apple":
            self.reply(200, {"user_id": "from-apple"})
        elif self.path == "/v1/sessions/anonymous":
            address = self.headers.get("X-Forwarded-For", "").rsplit(",", 1)[-1].strip()
            if not THROTTLE.grant(address):
                self.reply(429, {"error": {"code": "session_rate_limited"}})
                return
            token = issue(json.loads(body)["install_id"])
            expires = datetime.fromtimestamp(time.time() + TTL, timezone.utc)
            self.reply(200, {"session_token": token, "expires_at": expires.isoformat()})
        else:
            self.reply(404, {"error": {"code": "not_found"}})

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
print("listening", flush=True)
server.serve_forever()
