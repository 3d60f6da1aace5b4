"""Verifies sessiond's session tokens (v2, v3) without a call for each request.

One file for Python 3.9 and later that needs only the standard library: copy it into your service.
EdDSA and ES256 need the package ``cryptography``; HS256 does not. Sessions that are bound to device
keys need the file ``sessionauth_proof.py`` too; without it they are refused. It makes the same
twelve checks in the same order as sessiond, and reports the same reason words and error codes:

     1  at most 4096 bytes, before anything is decoded       too_long
     2  the segments of the form, none empty                 segments
     3  strict base64url                                     encoding
     4  a signature of the exact length                      signature_length
     5  the payload is one strict JSON object                json
     6  the header of a JWS is the one that sessiond writes  header
     7  kid names a key that may verify now, of the form     unknown_key, algorithm
     8  the signature matches                                signature
     9  the eight claims: their types and bounds             claim_missing, claim_type, claim_bounds
    10  v, cnf, iss and aud are ours                         version, binding, issuer, audience
    11  iat <= nbf < exp, and nbf is not in the future       instants, not_yet_valid
    12  exp is later than now                                expired

Everything here is thread-safe. A session proves only that its holder once knew the install ID,
unless it is bound to a device key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import http.client
import importlib
import ipaddress
import json
import logging
import os
import re
import socket
import ssl
import threading
import time
import urllib.parse
import uuid
import weakref
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Protocol,
    Sequence,
    Set,
    Tuple,
)

__all__ = [
    "Answer",
    "Binding",
    "ExpiredToken",
    "FetchError",
    "InvalidProof",
    "InvalidToken",
    "KeySource",
    "KeysError",
    "ProofNonceRequired",
    "PublishedKeys",
    "Ring",
    "Session",
    "SessionAuthError",
    "Unauthorized",
    "Unavailable",
    "Use",
    "Verifier",
    "is_thumbprint",
    "request_id",
]

MAX_TOKEN = 4096
"""The maximum size of a token in bytes."""

MAX_SET = 1 << 20
"""The maximum size in bytes of a keyset, and of a published JWK Set."""

MAX_KEYS = 256
"""The maximum number of keys in a keyset, and in a published JWK Set."""

_log = logging.getLogger("sessionauth")

# --------------------------------------------------------------------------------------------------
# Errors and their responses
# --------------------------------------------------------------------------------------------------

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class Answer(NamedTuple):
    """An HTTP answer that any framework can send unchanged."""

    status: int
    headers: Dict[str, str]
    """Each header once: challenges are joined by a comma, which means the same."""
    body: bytes
    header_lines: List[Tuple[str, str]]
    """The header lines as sessiond sends them, of which two may have the same name."""


class SessionAuthError(Exception):
    """A request without a valid session.

    ``code``, ``message`` and ``status`` are stable, and are all that may be revealed to the client.
    ``reason`` is one word of a fixed list, for logs and metrics. None of them contains anything
    from the request.
    """

    code: str = "internal_error"
    message: str = "Internal server error"
    status: int = 500
    www_authenticate: Optional[str] = None
    """The challenge (RFC 6750, section 3); None if there is none."""
    further_challenge: Optional[str] = None
    """The challenge of another scheme (RFC 9449, section 7.1); None if there is none."""
    nonce: Optional[str] = None
    """What the client's next proof must name (RFC 9449, section 9); None if nothing."""
    retry_after: Optional[int] = None
    """Whole seconds after which a retry may succeed; None if waiting does not help."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"no session: {reason}")
        self.reason = reason

    def envelope(self, request_id: str) -> Answer:
        """Returns the answer that sessiond would send.

        A request_id that is not 1 to 128 characters of ``A-Z a-z 0-9 . _ -`` is replaced by a new
        one.
        """
        if not _REQUEST_ID.fullmatch(request_id):
            request_id = str(uuid.uuid4())
        optional = [
            ("WWW-Authenticate", self.www_authenticate),
            ("WWW-Authenticate", self.further_challenge),
            ("DPoP-Nonce", self.nonce),
            ("Retry-After", None if self.retry_after is None else str(self.retry_after)),
        ]
        lines = [
            ("Content-Type", "application/json"),
            ("Cache-Control", "no-store"),
            ("X-Request-ID", request_id),
            ("X-Error-Code", self.code),
            *((name, value) for name, value in optional if value is not None),
        ]
        headers: Dict[str, str] = {}
        for name, value in lines:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        problem = {"error": {"code": self.code, "message": self.message, "request_id": request_id}}
        body = json.dumps(problem, separators=(",", ":")).encode("ascii")
        return Answer(self.status, headers, body, lines)


_PROOF_ALGORITHMS = 'algs="ES256 EdDSA"'


class Unauthorized(SessionAuthError):
    """A request without a bearer token.

    If ``bindable`` is true, the client learns that sessions can be bound to device keys.
    """

    code = "unauthorized"
    message = "Missing bearer token"
    status = 401
    www_authenticate = 'Bearer realm="offload"'

    def __init__(self, reason: str, bindable: bool = False) -> None:
        super().__init__(reason)
        if bindable:
            self.further_challenge = "DPoP " + _PROOF_ALGORITHMS


class InvalidToken(SessionAuthError):
    """A token that fails any check but the last."""

    code = "invalid_token"
    message = "Invalid session token"
    status = 401
    www_authenticate = 'Bearer realm="offload", error="invalid_token"'


class ExpiredToken(SessionAuthError):
    """A token that passes all checks but the last: it has expired."""

    code = "expired_token"
    message = "Session token expired"
    status = 401
    www_authenticate = 'Bearer realm="offload", error="invalid_token", error_description="expired"'


class InvalidProof(SessionAuthError):
    """A request with a bound session, and with no proof of the device key that is for it."""

    code = "invalid_proof"
    message = "Invalid proof of possession"
    status = 401
    www_authenticate = 'DPoP error="invalid_dpop_proof", ' + _PROOF_ALGORITHMS


class ProofNonceRequired(SessionAuthError):
    """A proof whose time is not near, or whose nonce is not accepted.

    The client repeats the request with a new proof that has the nonce of the answer.
    """

    code = "proof_nonce_required"
    message = "Proof needs a nonce"
    status = 401
    www_authenticate = 'DPoP error="use_dpop_nonce", ' + _PROOF_ALGORITHMS

    def __init__(self, reason: str, nonce: str) -> None:
        super().__init__(reason)
        self.nonce = nonce


class Unavailable(SessionAuthError):
    """The token cannot be verified, because the issuer's keys have never been read.

    A copy of any age prevents this.
    """

    code = "service_unavailable"
    message = "Service unavailable; retry later"
    status = 503
    retry_after = 1


class KeysError(ValueError):
    """Keys that cannot be used. The text names IDs and members, never key material."""


class FetchError(Exception):
    """Why published keys could not be fetched.

    ``reason`` is one word, for logs and metrics: unreachable, late, certificate, status, too_large,
    malformed, or no_keys if the first set has no usable key. ``status`` is the status of the answer
    if the reason is status, or else 0. The text holds no address, no header and no key material.
    """

    def __init__(self, reason: str, status: int = 0, detail: str = "") -> None:
        shown = f"{reason} {status}" if status else reason
        super().__init__(f"{shown}: {detail}" if detail else shown)
        self.reason = reason
        self.status = status


def request_id(values: Sequence[str]) -> str:
    """Returns the request ID.

    It is the value of the X-Request-ID header if that was sent once and is well-formed, or else a
    new UUID.

    Raises TypeError if values is not a list of text.
    """
    values = _all_values(values)
    if len(values) == 1 and _REQUEST_ID.fullmatch(values[0]):
        return values[0]
    return str(uuid.uuid4())


def _all_values(values: Iterable[str]) -> List[str]:
    """Returns the values of a header.

    Raises TypeError for anything but a list of text: a single value, above all, whose characters
    would be taken for values. The message does not hold the value, which may be a token.
    """
    given = [] if isinstance(values, (str, Mapping)) else list(values)
    if isinstance(values, (str, Mapping)) or not all(isinstance(each, str) for each in given):
        raise TypeError("pass a list of all values of the header, each of them text")
    return given


def _check_type(name: str, value: object, *types: type) -> None:
    """Raises TypeError, without the value, if it has none of the types. A bool is not an int."""
    if not isinstance(value, types) or isinstance(value, bool) and bool not in types:
        raise TypeError(f"{name} must be {' or '.join(each.__name__ for each in types)}")


# --------------------------------------------------------------------------------------------------
# Strict decoding
# --------------------------------------------------------------------------------------------------

_MAX_DEPTH = 64  # levels of objects and lists, the outermost being the first
_BASE64URL = re.compile(rb"[A-Za-z0-9_-]*")
_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_HEX4 = re.compile(r"[0-9A-Fa-f]{4}")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS: Dict[str, Tuple[str, Optional[bool]]] = {
    "t": ("true", True),
    "f": ("false", False),
    "n": ("null", None),
}

# Unicode's White_Space. Without an argument, str.strip() would also remove U+001C to U+001F.
_WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


class _NotStrict(Exception):
    """Text that lenient parsers might read in different ways."""


def _decode_base64url(text: bytes) -> bytes:
    """Decodes canonical base64url without padding (RFC 4648, sections 5 and 3.2)."""
    if not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        raise _NotStrict
    try:
        decoded = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        raise _NotStrict from None
    if _encode_base64url(decoded) != text:
        raise _NotStrict  # unused trailing bits that are not zero
    return decoded


def _encode_base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class _Number:
    """A JSON number as it was written.

    Its value would not show a fraction, an exponent or a minus sign.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: str) -> None:
        self.raw = raw


class _Object(Dict[str, object]):
    """A JSON object, and its repeated names. The value of a repeated name is undefined."""

    def __init__(self) -> None:
        super().__init__()
        self.repeated: Set[str] = set()


def _read_json(data: bytes, repeats: bool = False) -> object:
    """Parses one JSON value (RFC 8259), with only JSON white space around it.

    Objects become _Object, lists list, numbers _Number. It refuses invalid UTF-8, a byte order
    mark, a lone surrogate, more than _MAX_DEPTH levels and, unless repeats is true, a repeated name
    in an object at any level. The standard library's parser accepts most of these.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise _NotStrict from None
    reader = _Reader(text, repeats)
    value = reader.value(1)
    reader.space()
    if reader.at != len(text):
        raise _NotStrict
    return value


class _Reader:
    """Parses a text that was valid UTF-8."""

    def __init__(self, text: str, repeats: bool) -> None:
        self.text = text
        self.repeats = repeats
        self.at = 0

    def space(self) -> None:
        match = _SPACE.match(self.text, self.at)
        if match:
            self.at = match.end()

    def take(self, char: str) -> bool:
        if not self.text.startswith(char, self.at):
            return False
        self.at += 1
        return True

    def value(self, depth: int) -> object:
        self.space()
        head = self.text[self.at : self.at + 1]
        if head == "{":
            return self.read_object(depth)
        if head == "[":
            return self.read_list(depth)
        if head == '"':
            return self.read_string()
        if head in _WORDS:
            word, meaning = _WORDS[head]
            if not self.text.startswith(word, self.at):
                raise _NotStrict
            self.at += len(word)
            return meaning
        number = _NUMBER.match(self.text, self.at)
        if not number:
            raise _NotStrict
        self.at = number.end()
        return _Number(number.group())

    def read_object(self, depth: int) -> _Object:
        if depth > _MAX_DEPTH:
            raise _NotStrict
        self.at += 1
        members = _Object()
        self.space()
        if self.take("}"):
            return members
        while True:
            self.space()
            name = self.read_string()
            self.space()
            if name in members:
                members.repeated.add(name)
            if members.repeated and not self.repeats or not self.take(":"):
                raise _NotStrict
            members[name] = self.value(depth + 1)
            self.space()
            if self.take("}"):
                return members
            if not self.take(","):
                raise _NotStrict

    def read_list(self, depth: int) -> List[object]:
        if depth > _MAX_DEPTH:
            raise _NotStrict
        self.at += 1
        items: List[object] = []
        self.space()
        if self.take("]"):
            return items
        while True:
            items.append(self.value(depth + 1))
            self.space()
            if self.take("]"):
                return items
            if not self.take(","):
                raise _NotStrict

    def read_string(self) -> str:
        """Reads a string (RFC 8259, section 7), from its opening quote up to its closing quote."""
        if not self.take('"'):
            raise _NotStrict
        pieces: List[str] = []
        while True:
            plain = _PLAIN.match(self.text, self.at)
            if plain:
                pieces.append(plain.group())
                self.at = plain.end()
            if self.take('"'):
                return "".join(pieces)
            if not self.take("\\"):
                raise _NotStrict  # a control character, or the end
            pieces.append(self.read_escape())

    def read_escape(self) -> str:
        """Reads the rest of an escape after its backslash. A surrogate must be part of a pair."""
        char = self.text[self.at : self.at + 1]
        self.at += 1
        if char in _ESCAPES:
            return _ESCAPES[char]
        if char != "u":
            raise _NotStrict
        first = self.read_hex4()
        if not 0xD800 <= first <= 0xDFFF:
            return chr(first)
        if not self.take("\\") or not self.take("u"):
            raise _NotStrict
        second = self.read_hex4()
        if first > 0xDBFF or not 0xDC00 <= second <= 0xDFFF:
            raise _NotStrict
        return chr(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))

    def read_hex4(self) -> int:
        digits = _HEX4.match(self.text, self.at)
        if not digits:
            raise _NotStrict
        self.at += 4
        return int(digits.group(), 16)


# --------------------------------------------------------------------------------------------------
# Keys
# --------------------------------------------------------------------------------------------------

_HS256 = "HS256"
_HS256_SIZE = 32  # of a signature, in bytes
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

# The public keys that are points of small order, with the sign bit of x cleared: every y below
# 2**255 that encodes such a point, also the two that are not below p. Under such a key there are
# signatures that need no private key, and libraries accept them, as RFC 8032 has it.
_SMALL_ORDER = frozenset(
    y.to_bytes(32, "little")
    for y in (
        0,
        1,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
        2**255 - 20,
        2**255 - 19,
        2**255 - 18,
    )
)
_P256_MODULUS = 2**256 - 2**224 + 2**192 + 2**96 - 1
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_NO_LIBRARY = "EdDSA and ES256 need the package cryptography, which cannot be imported"


def _has_library() -> bool:
    """Reports whether the package cryptography is installed.

    Called when keys are read, never for a token.
    """
    try:
        _primitive("asymmetric.ed25519")
    except ImportError:
        return False
    return True


def _primitive(name: str) -> Any:
    return importlib.import_module("cryptography.hazmat.primitives." + name)


@dataclass(frozen=True)
class _Key:
    """A key: ID, algorithm, material, and when it stops verifying.

    Its repr does not show the material.
    """

    id: str
    algorithm: str
    matches: Callable[[bytes, bytes], bool] = field(repr=False)
    """``matches(message, signature)`` reports whether the key made the signature of the message."""
    verify_until: Optional[int] = None
    """When the key stops verifying, in nanoseconds since 1970; None means never."""
    revoked: bool = False

    def may_verify(self, now: int) -> bool:
        return not self.revoked and (self.verify_until is None or now < self.verify_until)


def _symmetric(secret: bytes) -> Callable[[bytes, bytes], bool]:
    def matches(message: bytes, signature: bytes) -> bool:
        return hmac.compare_digest(hmac.new(secret, message, hashlib.sha256).digest(), signature)

    return matches


class _PublicAlgorithm:
    """An algorithm whose keys have a public part: its JWK, and how a signature is verified.

    The methods need the package cryptography, except fault.
    """

    name: str
    aliases: Tuple[str, ...] = ()  # further names that a key may have
    signature_size = 64
    kty: str
    crv: str
    members: Tuple[str, ...]  # of the public part, each of 32 bytes; d has as many

    def fault(self, public: bytes) -> Optional[Tuple[str, str]]:
        """Returns the member and the problem of a public part under which anyone could sign."""
        return None

    def public_of(self, private: bytes) -> Optional[bytes]:
        """Returns the public part that belongs to a private one, or None if no key has that."""
        raise NotImplementedError

    def matcher(
        self, public: bytes, canonical: bool = True
    ) -> Optional[Callable[[bytes, bytes], bool]]:
        """Returns ``matches`` of a _Key, or None if no key has that public part.

        If canonical is true, it accepts only one of several signatures that are equally valid.
        """
        raise NotImplementedError

    def parts(self, public: bytes) -> List[bytes]:
        """Returns a public part as a whole, and each of its members if there are several."""
        return [public, *(public[at : at + 32] for at in range(0, len(public), 32))]


class _EdDSA(_PublicAlgorithm):
    """Ed25519 (RFC 8032, RFC 8037)."""

    name = "EdDSA"
    aliases = ("Ed25519",)  # RFC 9864's name
    kty, crv, members = "OKP", "Ed25519", ("x",)

    def fault(self, public: bytes) -> Optional[Tuple[str, str]]:
        if public[:-1] + bytes([public[-1] & 0x7F]) in _SMALL_ORDER:
            return "x", "must not be a point of small order"
        return None

    def public_of(self, private: bytes) -> Optional[bytes]:
        library = _primitive("asymmetric.ed25519")
        key = library.Ed25519PrivateKey.from_private_bytes(private).public_key()
        serialization = _primitive("serialization")
        public: bytes = key.public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )
        return public

    def matcher(
        self, public: bytes, canonical: bool = True
    ) -> Optional[Callable[[bytes, bytes], bool]]:
        key = _primitive("asymmetric.ed25519").Ed25519PublicKey.from_public_bytes(public)
        invalid: Any = importlib.import_module("cryptography.exceptions").InvalidSignature

        def matches(message: bytes, signature: bytes) -> bool:
            try:
                key.verify(signature, message)
            except invalid:
                return False
            return True

        return matches


class _ES256(_PublicAlgorithm):
    """ECDSA with P-256 and SHA-256 (RFC 7518, sections 3.4 and 6.2)."""

    name = "ES256"
    kty, crv, members = "EC", "P-256", ("x", "y")

    def public_of(self, private: bytes) -> Optional[bytes]:
        scalar = int.from_bytes(private, "big")
        if not 0 < scalar < _P256_ORDER:
            return None
        ec = _primitive("asymmetric.ec")
        point = ec.derive_private_key(scalar, ec.SECP256R1()).public_key().public_numbers()
        public: bytes = point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big")
        return public

    def matcher(
        self, public: bytes, canonical: bool = True
    ) -> Optional[Callable[[bytes, bytes], bool]]:
        greatest = _P256_ORDER // 2 if canonical else _P256_ORDER - 1
        if any(int.from_bytes(part, "big") >= _P256_MODULUS for part in self.parts(public)[1:]):
            return None
        ec = _primitive("asymmetric.ec")
        try:
            key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + public)
        except ValueError:
            return None
        method = ec.ECDSA(_primitive("hashes").SHA256())
        encode = _primitive("asymmetric.utils").encode_dss_signature
        invalid: Any = importlib.import_module("cryptography.exceptions").InvalidSignature

        def matches(message: bytes, signature: bytes) -> bool:
            if len(signature) != self.signature_size:
                return False
            r = int.from_bytes(signature[:32], "big")
            s = int.from_bytes(signature[32:], "big")
            # If (r, s) is a signature, so is (r, -s). sessiond writes the lower s, and a token has
            # one text.
            if not 0 < r < _P256_ORDER or not 0 < s <= greatest:
                return False
            try:
                key.verify(encode(r, s), message, method)
            except invalid:
                return False
            return True

        return matches


_PUBLIC_ALGORITHMS: Tuple[_PublicAlgorithm, ...] = (_EdDSA(), _ES256())


class KeySource(Protocol):
    """A source of keys for a Verifier: Ring or PublishedKeys."""

    def find(self, kid: str, wait: bool = True) -> Optional[_Key]:
        """Returns the key with that ID, even if it may not verify now, or None.

        If wait is true, it may wait for keys that are not known yet, and raise Unavailable.
        """


class Ring:
    """A fixed set of keys."""

    def __init__(self, keys: Sequence[_Key]) -> None:
        self._keys = {key.id: key for key in keys}

    def find(self, kid: str, wait: bool = True) -> Optional[_Key]:
        """Returns the key with that ID, even if it may not verify now, or None. It never waits."""
        return self._keys.get(kid)

    def __len__(self) -> int:
        return len(self._keys)

    @classmethod
    def from_secrets(cls, secrets: Mapping[str, str]) -> Ring:
        """Returns a Ring of HS256 keys by ID, in the form of OFFLOAD_SESSION_SIGNING_KEYS.

        White space at both ends of IDs and secrets is removed. The strength of secrets is not
        checked here; sessiond checks it where they sign. Raises KeysError.
        """
        _check_type("secrets", secrets, Mapping)
        keys: List[_Key] = []
        materials: List[Tuple[str, List[bytes]]] = []
        for number, (name, text) in enumerate(secrets.items(), 1):
            _check_type(f"the id of key {number}", name, str)
            _check_type(f"the secret of key {number}", text, str)
            kid = name.strip(_WHITE_SPACE)
            if not _KEY_ID.fullmatch(kid):
                raise KeysError(f"key {number}: its id must be 1 to 64 of A-Z a-z 0-9 . _ -")
            try:
                secret = text.strip(_WHITE_SPACE).encode("utf-8")
            except UnicodeEncodeError:
                raise KeysError(f"key {number} ({kid}): its secret is not valid Unicode") from None
            if not secret:
                raise KeysError(f"key {number} ({kid}): its secret is empty")
            materials.append((kid, [secret]))
            keys.append(_Key(kid, _HS256, _symmetric(secret)))
        if not keys:
            raise KeysError("there is no key")
        _check_distinct(materials)
        return cls(keys)

    @classmethod
    def from_keyset(cls, data: bytes) -> Ring:
        """Returns a Ring of the keys in a keyset file of sessiond, a JWK Set with private parts.

        Raises KeysError.

        The file is parsed as strictly as sessiond parses it. Without the package cryptography the
        keys of EdDSA and ES256 are ignored and an error is logged; KeysError is raised if no other
        key remains.
        """
        keys, passed_over = _read_keyset(data)
        return cls._usable(keys, passed_over)

    @classmethod
    def from_jwks(cls, data: bytes) -> Ring:
        """Returns a Ring of the keys that sessiond publishes at /.well-known/jwks.json.

        They are of EdDSA or ES256. Raises KeysError.

        Other kinds of keys are ignored (RFC 7517, section 5). Symmetric keys are never used,
        because published keys are not secret.
        """
        if not _has_library():
            raise KeysError(_NO_LIBRARY)
        return cls._usable(_read_published(data), 0)

    @classmethod
    def _usable(cls, keys: Sequence[_Key], passed_over: int) -> Ring:
        if passed_over:
            problem = f"keys passed over: {passed_over}; {_NO_LIBRARY}"
            if not keys:
                raise KeysError(problem)
            _log.error(problem)
        if not keys:
            raise KeysError("there is no key that tokens can be verified with")
        return cls(keys)


# --------------------------------------------------------------------------------------------------
# JWK Sets (RFC 7517, RFC 7518 sections 6.2 and 6.4, RFC 8037 section 2)
# --------------------------------------------------------------------------------------------------

_MEMBERS = {"kty", "alg", "kid", "use", "key_ops", "sign_from", "verify_until", "revoked"}
_MEMBERS_OF = {
    "oct": _MEMBERS | {"k"},
    **{each.kty: _MEMBERS | {"crv", "d", *each.members} for each in _PUBLIC_ALGORITHMS},
}
_MAX_NAME = 24  # a longer name of a member may be a secret in the wrong place
_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]+))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_YEAR_1 = -62135596800  # in seconds since 1970; it must be later
_YEAR_10000 = 253402300800


def _list_of_keys(data: bytes, others: bool) -> List[object]:
    """Returns the keys of the set.

    If others is true, the set may have further members, and repeated names except that of the keys.
    """
    _check_type("a set of keys", data, bytes, bytearray)
    if len(data) > MAX_SET:
        raise KeysError(f"the set: is larger than {MAX_SET} bytes")
    try:
        document = _read_json(data, repeats=others)
    except _NotStrict:
        raise KeysError("the set: is not JSON, or has a name twice") from None
    if isinstance(document, _Object) and "keys" in document.repeated:
        raise KeysError("the set: keys: stands twice")
    items = document.get("keys") if isinstance(document, _Object) else None
    if not isinstance(items, list) or len(items) > MAX_KEYS:
        raise KeysError(f"the set: keys: must be a list of at most {MAX_KEYS} keys")
    if not others and isinstance(document, _Object) and len(document) != 1:
        raise KeysError(f"the set: {_unknown_member(document.keys() - {'keys'})}")
    return items


def _unknown_member(names: Set[str]) -> str:
    """Describes a member with an unknown name, the first of several."""
    name = min(names)
    if len(name) > _MAX_NAME or not (name.isascii() and name.isprintable()):
        return "has a member that is not known, and whose name may be a secret"
    return f"has a member that is not known: {json.dumps(name)}"


def _read_keyset(data: bytes) -> Tuple[List[_Key], int]:
    """Parses a keyset file.

    Returns its keys that can be used here, and the number of ignored keys.
    """
    library = _has_library()
    keys: List[_Key] = []
    materials: List[Tuple[str, List[bytes]]] = []
    items = _list_of_keys(data, others=False)
    for number, item in enumerate(items, 1):
        if not isinstance(item, dict):
            raise KeysError(f"key {number}: must be an object")
        reader = _KeyReader(number, item)
        key, parts = reader.read_key(library)
        materials.append((reader.kid, parts))
        if key is not None:
            keys.append(key)
    if not items:
        raise KeysError("there is no key")
    _check_distinct(materials)
    return keys, len(items) - len(keys)


def _read_published(data: bytes) -> List[_Key]:
    """Parses the public keys of a JWK Set.

    Unknown members and other keys are ignored (RFC 7517, section 5).

    A key with an invalid or repeated member is ignored too. A set with a repeated ID, or with the
    same material under two IDs, is invalid.
    """
    keys: List[_Key] = []
    materials: List[Tuple[str, List[bytes]]] = []
    for number, item in enumerate(_list_of_keys(data, others=True), 1):
        if not isinstance(item, _Object) or item.repeated:
            continue
        try:
            key, parts = _KeyReader(number, item).read_public_key()
        except KeysError:
            continue
        keys.append(key)
        materials.append((key.id, parts))
    _check_distinct(materials)
    return keys


def _check_distinct(materials: Sequence[Tuple[str, List[bytes]]]) -> None:
    """Rejects repeated IDs, and material that two IDs share.

    A secret that equals a public key would be publicly known.
    """
    ids = set()
    owners: Dict[bytes, str] = {}
    for kid, parts in materials:
        if kid in ids:
            raise KeysError(f"the id {kid} stands twice")
        ids.add(kid)
        for part in parts:
            if owners.setdefault(part, kid) != kid:
                raise KeysError(f"the keys {owners[part]} and {kid} are the same")


class _SmallOrder(KeysError):
    """A public key under which anyone can sign."""


class _KeyReader:
    """Parses one key of a JWK Set."""

    def __init__(self, number: int, item: Dict[str, object]) -> None:
        self.number = number
        self.item = item
        self.kid = ""
        kid = item.get("kid")
        if not isinstance(kid, str) or not _KEY_ID.fullmatch(kid):
            raise self.fault("kid", "must be 1 to 64 of A-Z a-z 0-9 . _ -")
        self.kid = kid

    def fault(self, member: str, problem: str) -> KeysError:
        name = f"key {self.number}" + (f" ({self.kid})" if self.kid else "")
        return KeysError(f"{name}: {member}: {problem}")

    def read_key(self, library: bool) -> Tuple[Optional[_Key], List[bytes]]:
        """Returns a key of a keyset file, and the material that no other key may share.

        The key is None if its library is not installed. An unknown member is an error: it may be a
        mistyped ``revoked``.
        """
        kind = self.item.get("kty")
        if not isinstance(kind, str) or kind not in _MEMBERS_OF:
            raise self.fault("kty", "must be oct, OKP or EC")
        unknown = self.item.keys() - _MEMBERS_OF[kind]
        if unknown:
            raise KeysError(f"key {self.number} ({self.kid}): {_unknown_member(unknown)}")
        self.check_usage()
        verify_until, revoked = self.read_plan(self.read_instant("sign_from"))
        if kind == "oct":
            if self.item.get("alg") != _HS256:
                raise self.fault("alg", "must be HS256 for an oct key")
            secret = self.read_bytes("k", 0)
            return _Key(self.kid, _HS256, _symmetric(secret), verify_until, revoked), [secret]
        of = next(each for each in _PUBLIC_ALGORITHMS if each.kty == kind)
        public, private = self.read_public(of), self.read_bytes("d", 32)
        parts = [private, *of.parts(public)]
        if not library:
            return None, parts
        belongs = of.public_of(private)
        if belongs is None:
            raise self.fault("d", "is not a private key")
        if belongs != public:
            raise self.fault("x", "does not fit the private part")
        matches = of.matcher(public)
        assert matches is not None  # the public part of a private one is valid
        return _Key(self.kid, of.name, matches, verify_until, revoked), parts

    def read_public_key(self) -> Tuple[_Key, List[bytes]]:
        """Returns a public key, and the material that no other key may share.

        Its verify_until, if there is one, takes effect.
        """
        kind = self.item.get("kty")
        of = next((each for each in _PUBLIC_ALGORITHMS if each.kty == kind), None)
        if of is None:
            raise self.fault("kty", "must be OKP or EC")
        if "d" in self.item:
            _log.error("key %s is published with its private part, and passed over", self.kid)
            raise self.fault("d", "must not be published")
        self.check_usage()
        sign_from = self.read_instant("sign_from") if "sign_from" in self.item else None
        verify_until, revoked = self.read_plan(sign_from)
        try:
            public = self.read_public(of)
        except _SmallOrder:
            _log.error("key %s is published as a point of small order, and passed over", self.kid)
            raise
        matches = of.matcher(public)
        if matches is None:
            raise self.fault("x", "is not a public key with the other members")
        return _Key(self.kid, of.name, matches, verify_until, revoked), of.parts(public)

    def read_plan(self, sign_from: Optional[int]) -> Tuple[Optional[int], bool]:
        """Returns when the key stops verifying, or None for never, and whether it is revoked."""
        verify_until = self.read_instant("verify_until") if "verify_until" in self.item else None
        if verify_until is not None and sign_from is not None and verify_until <= sign_from:
            raise self.fault("verify_until", "must be later than sign_from")
        revoked = self.item.get("revoked", False)
        if not isinstance(revoked, bool):
            raise self.fault("revoked", "must be true or false")
        return verify_until, revoked

    def read_public(self, of: _PublicAlgorithm) -> bytes:
        """Returns the public part of a key, its members one after the other."""
        if self.item.get("crv") != of.crv:
            raise self.fault("crv", f"must be {of.crv}")
        if self.item.get("alg") not in (of.name, *of.aliases):
            raise self.fault("alg", f"must be {of.name} for an {of.kty} key")
        public = b"".join(self.read_bytes(member, 32) for member in of.members)
        fault = of.fault(public)
        if fault is not None:
            raise _SmallOrder(str(self.fault(*fault)))
        return public

    def check_usage(self) -> None:
        if self.item.get("use", "sig") != "sig":
            raise self.fault("use", "must be sig")
        operations = self.item.get("key_ops", [])
        if not isinstance(operations, list) or any(
            word not in ("sign", "verify") for word in operations
        ):
            raise self.fault("key_ops", "must be a list of sign and verify")

    def read_bytes(self, member: str, size: int) -> bytes:
        """Returns a required member in strict base64url.

        Size is its exact length, or 0 for any length but zero.
        """
        text = self.item.get(member)
        try:
            data = _decode_base64url(text.encode("ascii")) if isinstance(text, str) else b""
        except (_NotStrict, UnicodeEncodeError):
            data = b""
        if not data:
            raise self.fault(member, "must be base64url without padding")
        if size and len(data) != size:
            raise self.fault(member, f"must be {size} bytes")
        return data

    def read_instant(self, member: str) -> int:
        """Returns a member in RFC 3339 format as nanoseconds since 1970."""
        text = self.item.get(member)
        at = _parse_instant(text) if isinstance(text, str) else None
        if at is None:
            raise self.fault(member, "must be an instant in RFC 3339, as 2026-02-16T12:00:00Z")
        return at


def _parse_instant(text: str) -> Optional[int]:
    """Parses RFC 3339, section 5.6, as nanoseconds since 1970, truncated.

    A leap second, at the end of a month in UTC, is read as the second before it. Returns None if the
    text is invalid or its year in UTC is out of range.
    """
    match = _INSTANT.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, sign, offset_hours, offset_minutes = match.groups()[6:]
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    if (
        not 1 <= month <= 12
        or not 1 <= day <= days[month - 1]
        or hour > 23
        or minute > 59
        or second > 60
    ):
        return None
    # Computed by hand, because datetime has no year 0, which an offset may move into year 1.
    before = year - 1
    day_number = (
        before * 365
        + before // 4
        - before // 100
        + before // 400
        + sum(days[: month - 1])
        + day
        - 1
    )
    leap_second = second == 60
    second = min(second, 59)
    seconds = _YEAR_1 + ((day_number * 24 + hour) * 60 + minute) * 60 + second
    if sign:
        if int(offset_hours) > 23 or int(offset_minutes) > 59:
            return None
        offset = int(offset_hours) * 3600 + int(offset_minutes) * 60
        seconds += offset if sign == "-" else -offset
    nanoseconds = int(((fraction or "") + "0" * 9)[:9])
    if (seconds, nanoseconds) <= (_YEAR_1, 0) or seconds >= _YEAR_10000:
        return None
    if leap_second and not _begins_month(seconds + 1):
        return None
    return seconds * 10**9 + nanoseconds


def _begins_month(seconds: int) -> bool:
    """Tells whether a month begins in UTC that many seconds after 1970, as late as year 10000."""
    if seconds == _YEAR_10000:
        return True
    at = datetime(1970, 1, 1) + timedelta(seconds=seconds)
    return (at.day, at.hour, at.minute, at.second) == (1, 0, 0, 0)


# --------------------------------------------------------------------------------------------------
# Published keys
# --------------------------------------------------------------------------------------------------

# A set is fresh for its max-age within these bounds, in seconds, or _FRESH if it has none.
_MIN_FRESH, _FRESH, _MAX_FRESH = 60.0, 300.0, 600.0
# The part of that time after which a request starts a refresh that it does not wait for.
_EARLY = 0.9
# Seconds from the beginning of a refresh, and from a failure, to the next refresh, however many
# requests need one.
_PAUSE = 10.0
_FIRST_PAUSE = 1.0  # the same, while there is no copy yet
_MAX_REFRESHES = 4  # threads, if the resolver hangs for longer than any timeout
_USER_AGENT = "sessionauth-python"  # some firewalls refuse requests without a name
_WRONG_HOST, _WRONG_ADDRESS = 62, 64  # X509_V_ERR_HOSTNAME_MISMATCH, …_IP_ADDRESS_MISMATCH
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_SECONDS = re.compile(r"[0-9]{1,20}")


def _is_loopback(host: str) -> bool:
    """Reports whether a host is the local machine: localhost, 127.0.0.0/8, ::1."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


class _Moment(NamedTuple):
    """An instant on two clocks, in seconds.

    Neither alone measures an age: the monotonic clock may stand still while the machine is
    suspended, and the wall clock may be set back.
    """

    wall: float
    steady: float

    def since(self, earlier: _Moment) -> float:
        """Returns the time from earlier on the clock that shows more."""
        return max(self.wall - earlier.wall, self.steady - earlier.steady)


class _Copy(NamedTuple):
    keys: Dict[str, _Key]
    taken: _Moment  # when the fetch began
    fresh: float  # for how many seconds the issuer promised that it is fresh


class PublishedKeys:
    """The keys that sessiond publishes at /.well-known/jwks.json, in a copy.

    A copy is fresh for the ``max-age`` of the answer: one to ten minutes, five if there is none,
    and never longer than ``fresh_for`` seconds. Shortly before that ends, a call starts a refresh
    in the background and uses the copy. A call that finds the copy older waits for a refresh, so a
    process that is frozen between requests sees a revocation too. An ID that the copy does not have
    also starts a refresh, and waits for it. There is one refresh at a time, and at least 10 seconds
    pass from one, or from its failure, to the next. While the issuer is unavailable the copy stays
    in force. If there has never been a copy, find raises Unavailable.

    No caller waits longer than ``wait`` seconds from the start of a refresh. ``timeout`` bounds
    each step of connecting, and also the whole fetch to its last byte. A revocation takes effect
    when the copy is fetched again.

    ``url`` is https, or http on loopback. ``plain_http`` allows http to any host: set it only if
    nothing on the way can insert its own key. Redirects are not followed, and proxies of the
    environment are not used. ``headers`` are sent in addition; they may replace Accept and
    User-Agent. ``ssl_context`` replaces the default one; it must verify certificates. ``steady`` is
    a monotonic clock and ``wall`` the time since 1970, both in seconds.

    A forked process has the copy of its parent, and refreshes it independently from then on.
    """

    def __init__(
        self,
        url: str,
        *,
        fresh_for: float = _MAX_FRESH,
        timeout: float = 2.0,
        wait: float = 1.0,
        headers: Optional[Mapping[str, str]] = None,
        ssl_context: Optional[ssl.SSLContext] = None,
        plain_http: bool = False,
        steady: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        if not _has_library():
            raise KeysError(_NO_LIBRARY)
        _check_type("the address of published keys", url, str)
        if not all("!" <= char <= "~" for char in url):  # urlsplit silently drops line breaks
            raise ValueError(
                "the address of published keys must be of ASCII without spaces and "
                "control characters"
            )
        parts = urllib.parse.urlsplit(url)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.username is not None
            or parts.fragment
        ):
            raise ValueError(
                "the address of published keys must be an https URL without credentials "
                "and fragment"
            )
        if parts.scheme == "http" and not plain_http and not _is_loopback(parts.hostname):
            raise ValueError(
                "published keys over http could be anyone's: use https, or plain_http on a "
                "network that only you control"
            )
        for name, seconds in (("fresh_for", fresh_for), ("timeout", timeout), ("wait", wait)):
            _check_type(name, seconds, int, float)
            if not 0 <= seconds <= threading.TIMEOUT_MAX or seconds == 0 and name != "wait":
                raise ValueError(
                    "fresh_for and timeout must be more than 0, and wait no less than 0"
                )
        if ssl_context is not None:
            _check_type("ssl_context", ssl_context, ssl.SSLContext)
            if ssl_context.verify_mode == ssl.CERT_NONE:
                raise ValueError("ssl_context must verify certificates")
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = _request_headers(headers or {})
        self._ssl_context = ssl_context
        self._fresh_for = fresh_for
        self._timeout = timeout
        self._wait = wait
        self._steady = steady
        self._wall = wall
        # Guards the fields below; _copy, _failure and _failing may be read without it.
        self._lock = threading.Lock()
        self._copy: Optional[_Copy] = None
        self._failing = False
        self._failure: Optional[FetchError] = None
        self._failed: Optional[_Moment] = None
        self._began: Optional[_Moment] = None
        self._refresh: Optional[threading.Thread] = None
        self._refreshes: List[threading.Thread] = []
        _published.add(self)

    @property
    def failure(self) -> Optional[FetchError]:
        """Why the last refresh failed, or None if it did not."""
        return self._failure

    def load(self) -> bool:
        """Fetches the keys if there are none yet, and reports whether there are some.

        Call it when a service starts. If it returns False, ``failure`` states why.

        It waits no longer than find.
        """
        if self._copy is None:
            now = self._now()
            self._await(self._ask(now), now)
        return self._copy is not None

    def find(self, kid: str, wait: bool = True) -> Optional[_Key]:
        """Returns the key with that ID, or None.

        If wait is true and the ID is well-formed, it refreshes the copy if necessary, and raises
        Unavailable if there has never been one.
        """
        copy = self._copy
        if not wait or not _KEY_ID.fullmatch(kid):
            return copy.keys.get(kid) if copy is not None else None
        now = self._now()
        age = now.since(copy.taken) if copy is not None else 0.0
        if copy is None or age >= copy.fresh or kid not in copy.keys:
            self._await(self._ask(now), now)
            copy = self._copy
        elif age >= copy.fresh * _EARLY:
            self._ask(now)
        if copy is None:
            raise Unavailable("keys_unavailable") from self._failure
        return copy.keys.get(kid)

    def _now(self) -> _Moment:
        return _Moment(self._wall(), self._steady())

    def _ask(self, now: _Moment) -> Optional[threading.Thread]:
        """Returns the refresh in progress, or starts one.

        Returns None if the last one began or failed too recently. A refresh that lasts much longer
        than its timeout was frozen with the process: its connection is dead, and it is given up.
        """
        with self._lock:
            pause = _FIRST_PAUSE if self._copy is None else _PAUSE
            if self._began is not None:
                lasted = now.since(self._began)
                if self._refresh is not None and self._refresh.is_alive():
                    if lasted <= 2 * self._timeout:
                        return self._refresh
                if lasted < pause:
                    return None
            if self._failed is not None and now.since(self._failed) < pause:
                return None
            self._refreshes = [each for each in self._refreshes if each.is_alive()]
            if len(self._refreshes) >= _MAX_REFRESHES:
                return None
            self._began = now
            refresh = threading.Thread(
                target=self._run, args=(now,), name="sessionauth-refresh", daemon=True
            )
            try:
                refresh.start()
            except RuntimeError:  # no thread can be started
                return None
            self._refresh = refresh
            self._refreshes.append(refresh)
            return refresh

    def _await(self, refresh: Optional[threading.Thread], now: _Moment) -> None:
        """Waits for a refresh, for at most the configured time from its start.

        A caller that comes late waits only for the rest of that time.
        """
        if refresh is None:
            return
        with self._lock:
            left = self._wait - (now.since(self._began) if self._began is not None else 0.0)
        if left > 0:
            refresh.join(left)

    def _run(self, began: _Moment) -> None:
        failure: Optional[FetchError] = None
        keys: Dict[str, _Key] = {}
        fresh = 0.0
        try:
            data, fresh = self._fetch()
            keys = {key.id: key for key in _read_published(data)}
            if not keys and self._copy is None:
                # The issuer signs with secrets. Later, no key means that all were revoked.
                raise FetchError("no_keys")
        except Exception as error:  # after any error the copy, if there is one, stays in force
            # Without its traceback, which would keep what the fetch used.
            failure = _failure_of(error).with_traceback(None)
        ended = self._now()
        with self._lock:
            if self._began is not began:
                return  # it was given up
            told, self._failing = self._failing, failure is not None
            self._failure = failure
            first = self._copy is None
            if failure is None:
                self._copy = _Copy(keys, began, fresh)
            elif ended.since(began) <= 2 * self._timeout:
                self._failed = ended
            # Otherwise the process was frozen meanwhile, which says nothing about the issuer.
        if failure is not None and not told:
            stands = "there is no copy yet" if first else "the last copy stays in force"
            _log.warning("published keys cannot be read; %s (%s)", stands, failure)
        elif failure is None and told:
            _log.warning("published keys can be read " + ("now" if first else "again"))

    def _after_fork(self) -> None:
        """Replaces what threads of the parent held.

        They do not exist in this process and would never release it.
        """
        self._lock = threading.Lock()
        self._refresh = None
        self._refreshes = []

    def _connection(self) -> http.client.HTTPConnection:
        if self._secure:
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=self._timeout, context=self._ssl_context
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)

    def _fetch(self) -> Tuple[bytes, float]:
        """Returns the body and for how many seconds it is fresh, or raises.

        The library's timeout bounds single steps only, so a timer bounds the whole fetch.
        """
        connection = self._connection()
        over = threading.Event()
        sock: Optional[socket.socket] = None

        def cut() -> None:
            over.set()
            if sock is not None:
                try:
                    # Not SSLSocket.shutdown, which would change the TLS state under the reader.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)
                except OSError:
                    pass

        timer = threading.Timer(self._timeout, cut)
        timer.daemon = True
        timer.start()
        try:
            connection.connect()
            # Kept, because the connection drops it while the response is still being read.
            sock = connection.sock
            if over.is_set():
                raise TimeoutError
            connection.request("GET", self._target, headers=self._headers)
            with connection.getresponse() as response:
                if response.status != 200:
                    raise FetchError("status", response.status)
                data = response.read(MAX_SET + 1)
                if over.is_set():
                    raise TimeoutError
                if len(data) > MAX_SET:
                    raise FetchError("too_large")
                # A body that is shorter than announced raises nothing if it is read with a limit.
                if response.length:
                    raise http.client.IncompleteRead(b"", response.length)
                return data, min(_freshness(response.headers), self._fresh_for)
        except (OSError, http.client.HTTPException):
            if over.is_set():
                raise TimeoutError from None
            raise
        finally:
            timer.cancel()
            connection.close()


def _request_headers(given: Mapping[str, str]) -> Dict[str, str]:
    """Returns the headers of a fetch.

    Raises TypeError or ValueError, without the value, which may be a secret.
    """
    _check_type("headers", given, Mapping)
    headers = {"Accept": "application/jwk-set+json, application/json", "User-Agent": _USER_AGENT}
    for name, value in given.items():
        _check_type("the name of a header", name, str)
        _check_type(f"the header {name!r}", value, str)
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"the header {name!r} must be a name and a value without line breaks")
        for own in [own for own in headers if own.lower() == name.lower()]:
            del headers[own]
        headers[name] = value
    return headers


def _failure_of(error: Exception) -> FetchError:
    """Returns why a fetch failed. Of an error's text it takes only what holds no address."""
    if isinstance(error, FetchError):
        return error
    if isinstance(error, KeysError):
        return FetchError("malformed", detail=str(error))
    if isinstance(error, (TimeoutError, socket.timeout)):
        return FetchError("late")
    if isinstance(error, ssl.SSLCertVerificationError):
        named = error.verify_code in (_WRONG_HOST, _WRONG_ADDRESS)  # the message has the name
        return FetchError(
            "certificate", detail="it is for another host" if named else error.verify_message
        )
    return FetchError("unreachable", detail=type(error).__name__)


def _freshness(headers: http.client.HTTPMessage) -> float:
    """Returns how long an answer is fresh, within the bounds (RFC 9111, section 4.2).

    It is max-age, less the Age that a cache on the way reports.
    """
    fresh = _FRESH
    for directive in ",".join(headers.get_all("Cache-Control") or []).split(","):
        name, _, value = directive.strip().partition("=")
        if name.lower() in ("no-store", "no-cache"):
            return _MIN_FRESH
        if name.lower() == "max-age":
            fresh = _seconds(value.strip('"'), fresh)
    fresh -= _seconds(headers.get("Age", ""), 0.0)
    return min(max(fresh, _MIN_FRESH), _MAX_FRESH)


def _seconds(text: str, otherwise: float) -> float:
    """Parses delta-seconds (RFC 9111, section 1.2.2), up to 68 years."""
    if not _SECONDS.fullmatch(text) or int(text) >= 1 << 31:
        return otherwise
    return float(text)


_published: weakref.WeakSet[PublishedKeys] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for keys in list(_published):
        keys._after_fork()


if hasattr(os, "register_at_fork"):  # missing on platforms without fork
    os.register_at_fork(after_in_child=_after_fork_in_child)


# --------------------------------------------------------------------------------------------------
# Tokens
# --------------------------------------------------------------------------------------------------

_VERSION, _BOUND_VERSION = 2, 3
_THUMBPRINT = 43  # characters of a SHA-256 in base64url
_MAX_UNIX = 253402300799  # the end of the year 9999
_SECOND = 10**9


@dataclass(frozen=True)
class Session:
    """The claims of a token. Times are whole seconds since 1970.

    The install ID is exactly what the client sent, never trimmed or normalized. It is not a
    credential. It must not be logged, so the repr does not show it.
    """

    install_id: str = field(repr=False)
    key_id: str
    issuer: str
    audience: str
    issued_at: int
    not_before: int
    expires_at: int
    binding: str = "none"
    """``key`` if only the device can use the session, whose key has the install ID as its
    thumbprint (RFC 7638); or ``none``."""


class Use(NamedTuple):
    """The use of a session that is presented with a proof of a device key."""

    token: str
    install_id: str
    bound: bool
    proofs: List[str]
    method: str
    path: str
    now: int
    """Nanoseconds since 1970."""


class Binding(Protocol):
    """How bound sessions are accepted: ``sessionauth_proof.Binding``."""

    required: bool
    """Whether every session must be bound."""

    def audiences(self, others: Tuple[str, ...]) -> Tuple[str, ...]:
        """Returns the audiences of bound sessions. The others are those of bearer sessions."""

    def judge(self, use: Use) -> None:
        """Raises InvalidProof, ProofNonceRequired or InvalidToken unless the use is allowed."""


class _Parts(NamedTuple):
    """The parts of a token, not yet verified."""

    signed: bytes
    payload: Dict[str, object]
    signature: bytes
    algorithm: str  # the form's


class Verifier:
    """Verifies the session that a request carries.

    ``sources`` are searched for a key in their order; the others are searched even if one is
    unavailable. ``issuer`` and ``audience`` must equal sessiond's configuration. ``audiences``, a
    tuple in place of ``audience``, accepts sessions of several audiences: for a service that apps
    of different names share. The session has the one that its token names.
    ``clock_skew_seconds``, 0 to 60, is how much later than now ``nbf`` may be; it never prolongs a
    session. ``clock`` returns nanoseconds since 1970. ``binding``, from ``sessionauth_proof.py``,
    accepts sessions that are bound to device keys too, which are refused without it. With it, a
    session that is not bound is refused if its install ID has the form of a thumbprint (43
    characters of base64url): that is the name of a key.
    """

    def __init__(
        self,
        *sources: KeySource,
        issuer: str,
        audience: Optional[str] = None,
        audiences: Optional[Tuple[str, ...]] = None,
        clock_skew_seconds: int = 2,
        clock: Callable[[], int] = time.time_ns,
        binding: Optional[Binding] = None,
    ) -> None:
        if not sources:
            raise ValueError("a verifier needs keys")
        for source in sources:
            if isinstance(source, (str, bytes)) or not callable(getattr(source, "find", None)):
                raise TypeError("keys must be a Ring or PublishedKeys")
        if (audience is None) == (audiences is None):
            raise TypeError("either audience or audiences must be given")
        accepted: Tuple[str, ...] = () if audiences is None else audiences
        if audience is not None:
            accepted = (audience,)
        _check_type("issuer", issuer, str)
        _check_type("audiences", accepted, tuple)
        for each in accepted:
            _check_type("audience", each, str)
        if not issuer or not accepted or not all(accepted):
            raise ValueError("issuer and audience must not be empty")
        _check_type("clock_skew_seconds", clock_skew_seconds, int)
        if not 0 <= clock_skew_seconds <= 60:
            raise ValueError("clock_skew_seconds must be 0 to 60")
        self._sources = sources
        self._issuer = issuer
        self._audiences = accepted
        self._skew = clock_skew_seconds * _SECOND
        self._clock = clock
        self._binding = binding
        self._bound_audiences = () if binding is None else binding.audiences(accepted)

    def verify(
        self,
        authorization_values: Sequence[str],
        *,
        proofs: Sequence[str] = (),
        method: str = "",
        path: str = "",
    ) -> Session:
        """Returns the session of a request.

        Pass all its Authorization headers as a list, because two are refused. Bound sessions need
        all its DPoP headers as ``proofs``, its ``method``, and its ``path`` exactly as the client
        sent it: not decoded. It may have a query.

        Raises TypeError if these are not lists of text and text, Unauthorized, InvalidToken,
        ExpiredToken, InvalidProof, ProofNonceRequired or, if keys are unavailable, Unavailable.
        """
        bindable = self._binding is not None
        bearer, token = _presented(_all_values(authorization_values), bindable)
        given = _all_values(proofs)
        _check_type("method", method, str)
        _check_type("path", path, str)
        return self._judge(bearer, token, given, method, path)

    def verify_token(self, token: str) -> Session:
        """Returns the session of a bearer token.

        Raises InvalidToken, ExpiredToken or, if keys are unavailable, Unavailable.
        """
        _check_type("a token", token, str)
        return self._judge(True, token, [], "", "")

    def _judge(
        self, bearer: bool, token: str, proofs: List[str], method: str, path: str
    ) -> Session:
        now = self._clock()
        session = self._read(token, now)
        bound = session.binding == "key"
        if bound and bearer:  # before it is called expired, which would say that all else is right
            raise InvalidToken("downgrade")
        if session.expires_at * _SECOND <= now:
            raise ExpiredToken("expired")
        if self._binding is not None and not bearer:
            self._binding.judge(Use(token, session.install_id, bound, proofs, method, path, now))
        return session

    def _read(self, token: str, now: int) -> Session:
        """Makes all checks but the last."""
        parts = _split(token)
        kid = parts.payload.get("kid")
        # The keys of the compact form are secrets, which are never published: to wait for one would
        # bring nothing, and would let any sender cause a wait.
        wait = parts.algorithm != _HS256
        key = self._find(kid, wait) if isinstance(kid, str) else None
        if key is None or not key.may_verify(now):
            raise InvalidToken("unknown_key")
        if key.algorithm != parts.algorithm:
            raise InvalidToken("algorithm")
        if not key.matches(parts.signed, parts.signature):
            raise InvalidToken("signature")
        session = _read_claims(parts.payload)
        bound = session.binding == "key"
        if bound and self._binding is None:
            raise InvalidToken("version")
        if bound and not _confirms(parts.payload.get("cnf"), session.install_id):
            raise InvalidToken("binding")
        if not bound and self._binding is not None:
            # A bearer session that was made elsewhere, or before, would be a second door.
            if self._binding.required or is_thumbprint(session.install_id):
                raise InvalidToken("binding")
        if session.issuer != self._issuer:
            raise InvalidToken("issuer")
        if session.audience not in (self._bound_audiences if bound else self._audiences):
            raise InvalidToken("audience")
        if not session.issued_at <= session.not_before < session.expires_at:
            raise InvalidToken("instants")
        if session.not_before * _SECOND > now + self._skew:
            raise InvalidToken("not_yet_valid")
        return session

    def _find(self, kid: str, wait: bool) -> Optional[_Key]:
        """Returns the key of the first source that has it.

        Raises Unavailable only if no source has it.
        """
        out: Optional[Unavailable] = None
        for source in self._sources:
            try:
                key = source.find(kid, wait)
            except Unavailable as error:
                out = error
                continue
            if key is not None:
                return key
        if out is not None:
            raise out
        return None


def _presented(values: Sequence[str], bindable: bool) -> Tuple[bool, str]:
    """Returns whether the scheme is Bearer, and the token (RFC 6750, section 2.1).

    The header is the scheme in any case, one or more spaces, and the token. The scheme is Bearer
    or, if sessions can be bound, DPoP (RFC 9449, section 7.1).
    """
    if len(values) == 0:
        raise Unauthorized("missing", bindable)
    if len(values) > 1:
        raise InvalidToken("credentials")
    name, _, rest = values[0].strip(" \t").partition(" ")
    scheme, token = name.lower(), rest.lstrip(" ")
    if scheme not in (("bearer", "dpop") if bindable else ("bearer",)) or not token:
        raise Unauthorized("missing", bindable)
    if " " in token or "\t" in token:
        raise InvalidToken("credentials")
    return scheme == "bearer", token


def _split(token: str) -> _Parts:
    """Makes checks 1 to 6."""
    if len(token) > MAX_TOKEN:
        raise InvalidToken("too_long")
    text = _octets(token)
    if len(text) > MAX_TOKEN:
        raise InvalidToken("too_long")
    segments = text.split(b".")
    if len(segments) not in (2, 3) or not all(segments):
        raise InvalidToken("segments")
    try:
        decoded = [_decode_base64url(segment) for segment in segments]
    except _NotStrict:
        raise InvalidToken("encoding") from None
    signature, size = decoded[-1], len(decoded[-1])
    if len(segments) == 2:
        if size != _HS256_SIZE:
            raise InvalidToken("signature_length")
        return _Parts(segments[0], _read_object(decoded[0]), signature, _HS256)
    if all(size != each.signature_size for each in _PUBLIC_ALGORITHMS):
        raise InvalidToken("signature_length")
    payload = _read_object(decoded[1])
    of = _check_header(_read_object(decoded[0]), payload)
    if size != of.signature_size:
        raise InvalidToken("signature_length")
    return _Parts(b".".join(segments[:-1]), payload, signature, of.name)


def _octets(text: str) -> bytes:
    """Returns the bytes of a header value, which servers decode as Latin-1.

    Other text is encoded as UTF-8.
    """
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _read_object(data: bytes) -> Dict[str, object]:
    """Makes check 5 of one decoded segment."""
    try:
        document = _read_json(data)
    except _NotStrict:
        raise InvalidToken("json") from None
    if not isinstance(document, dict):
        raise InvalidToken("json")
    return document


def _check_header(header: Dict[str, object], payload: Dict[str, object]) -> _PublicAlgorithm:
    """Makes check 6, and returns the algorithm that the header names.

    Further members are refused: with crit, jwk or x5u a token could choose its own key.
    """
    kid = payload.get("kid")
    named = header.get("alg")
    of = next((each for each in _PUBLIC_ALGORITHMS if each.name == named), None)
    ours = (
        isinstance(kid, str)
        and header.get("kid") == kid
        and header.get("typ", "JWT") == "JWT"
        and header.keys() <= {"alg", "kid", "typ"}
    )
    if of is None or not ours:
        raise InvalidToken("header")
    return of


def _read_claims(payload: Dict[str, object]) -> Session:
    """Makes check 9, and refuses versions that are never accepted, a part of check 10."""
    version = _integer(payload, "v")
    key_id = _text(payload, "kid")
    issued_at = _integer(payload, "iat")
    not_before = _integer(payload, "nbf")
    issuer = _text(payload, "iss")
    audience = _text(payload, "aud")
    expires_at = _integer(payload, "exp")
    install_id = _text(payload, "install_id")
    if not _is_install_id(install_id) or not _KEY_ID.fullmatch(key_id):
        raise InvalidToken("claim_bounds")
    if version not in (_VERSION, _BOUND_VERSION):
        raise InvalidToken("version")
    binding = "key" if version == _BOUND_VERSION else "none"
    return Session(install_id, key_id, issuer, audience, issued_at, not_before, expires_at, binding)


def _confirms(cnf: object, install_id: str) -> bool:
    """Reports whether cnf names the key whose thumbprint the install ID is, and nothing else."""
    return isinstance(cnf, dict) and cnf == {"jkt": install_id} and is_thumbprint(install_id)


def is_thumbprint(text: str) -> bool:
    """Reports whether an install ID has the form of a key's thumbprint: 32 bytes in base64url."""
    if len(text) != _THUMBPRINT or not text.isascii():
        return False
    try:
        _decode_base64url(text.encode("ascii"))
    except _NotStrict:
        return False
    return True


def _claim(payload: Dict[str, object], name: str) -> object:
    if name not in payload:
        raise InvalidToken("claim_missing")
    return payload[name]


def _text(payload: Dict[str, object], name: str) -> str:
    """Returns a claim that is a non-empty string."""
    value = _claim(payload, name)
    if not isinstance(value, str):
        raise InvalidToken("claim_type")
    if not value:
        raise InvalidToken("claim_bounds")
    return value


def _integer(payload: Dict[str, object], name: str) -> int:
    """Returns a claim that is written with digits only.

    A minus, fraction or exponent makes it another type.
    """
    value = _claim(payload, name)
    if not isinstance(value, _Number) or not value.raw.isdigit():
        raise InvalidToken("claim_type")
    if len(value.raw) > len(str(_MAX_UNIX)) or int(value.raw) > _MAX_UNIX:
        raise InvalidToken("claim_bounds")
    return int(value.raw)


def _is_install_id(text: str) -> bool:
    """8 to 128 code points, none of Unicode's category Cc, not all White_Space."""
    if not 8 <= len(text) <= 128 or not text.strip(_WHITE_SPACE):
        return False
    return not any(char < " " or "\x7f" <= char <= "\x9f" for char in text)
