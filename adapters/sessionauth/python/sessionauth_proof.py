"""Judges proofs of device keys (DPoP, RFC 9449), for sessions that are bound to such a key.

Copy this file next to ``sessionauth.py``, from the same version of sessiond, if the service accepts
bound sessions. It needs Python 3.9 and the package ``cryptography``:

    verifier = sessionauth.Verifier(
        keys,
        issuer="offload-backend",
        audience="offload-ios",
        binding=sessionauth_proof.Binding(public_origins=("https://api.example.com",)),
    )

It makes the same checks in the same order as sessiond, and reports the same reason words:

    missing, multiple    there is one header
    too_large            it has at most 8192 bytes
    malformed            three segments, strict base64url, two strict JSON objects
    typ, alg, crit       the header says what it must, and has no extension
    jwk, private_key     there is a public key of that algorithm, and no private part
    signature            the key's
    claims, jti          what is required is there, and has the right type; the ID has its length
    forwarded            the request's method and path are known
    htm, htu             they are those of the proof
    nonce                is accepted, if there is one
    stale, future        the time is near, unless there is an accepted nonce
    ath_missing, ath     the token is that of the proof
    unbound, binding     the token is bound to the key

There is no memory of proofs: within its time, a captured proof is good for that method and path,
with any query and body.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib
import ipaddress
import re
import secrets
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional, Sequence, TypeVar

if TYPE_CHECKING or not __package__:
    import sessionauth
else:  # both files were copied into a package
    sessionauth = importlib.import_module(".sessionauth", __package__)

__all__ = ["Binding"]

_MAX_HEADER = 8192  # bytes
_PAST, _FUTURE = 300, 60  # seconds
_MAX_ID = 128  # code points
_MAX_SECONDS = 1 << 59  # far beyond the range of clocks
_SECOND = 10**9
_ENCODED = re.compile(r"%([0-9A-Fa-f]{2})?")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]+")
_PORT = re.compile(r"[0-9]{1,5}")
_PORTS = {"http": "80", "https": "443"}
_NOT_IN_PATHS = re.compile(r"[^!-~]|\\")
_PARTS = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?)([0-9]+))?")


class Binding:
    """Accepts bound sessions, for a Verifier.

    ``public_origins`` are those under which clients reach this service, such as
    ``https://api.example.com``: the scheme, the host, and the port if it is not the default; no
    matter what proxies make of it. If ``required`` is true, sessions that are not bound are
    refused. ``bound_audiences`` are those of bound sessions, OFFLOAD_SESSION_BOUND_AUDIENCE of
    sessiond; the default is each audience of the Verifier followed by ``:bound``.

    ``nonce_secret`` lets a client whose clock is wrong make a proof in a second attempt. All
    processes of a service need the same secret, or one does not accept the nonce that another one
    gave. Its default is random: for a service of one process. With sessiond's
    OFFLOAD_LIMITER_DIGEST_KEY, the nonces that sessiond gives are accepted too.

    Raises TypeError, ValueError, or KeysError if the package cryptography cannot be imported.
    """

    def __init__(
        self,
        *,
        public_origins: tuple[str, ...],
        required: bool = False,
        bound_audiences: Optional[tuple[str, ...]] = None,
        nonce_secret: Optional[str] = None,
    ) -> None:
        _check_texts("public_origins", public_origins)
        self._origins: list[str] = []
        for text in public_origins:
            scheme, found, authority = text.partition("://")
            origin = _origin(scheme, authority) if found else None
            if origin is None:
                raise ValueError("a public origin must be https://host or https://host:port")
            self._origins.append(origin)
        sessionauth._check_type("required", required, bool)
        if bound_audiences is not None:
            _check_texts("bound_audiences", bound_audiences)
        if nonce_secret is None:
            nonce_secret = secrets.token_hex(32)
        sessionauth._check_type("nonce_secret", nonce_secret, str)
        secret = nonce_secret.strip(sessionauth._WHITE_SPACE).encode("utf-8")
        if not secret:
            raise ValueError("nonce_secret must not be empty")
        if not sessionauth._has_library():
            raise sessionauth.KeysError(
                "bound sessions need the package cryptography, which cannot be imported"
            )
        self.required = required
        self._audiences = bound_audiences
        self._nonces = _Nonces(secret)

    def audiences(self, others: tuple[str, ...]) -> tuple[str, ...]:
        """Returns the audiences of bound sessions. The others are those of bearer sessions."""
        bound = self._audiences or tuple(each + ":bound" for each in others)
        if set(bound) & set(others):
            raise ValueError("an audience of bound sessions must not be one of other sessions")
        return bound

    def judge(self, use: sessionauth.Use) -> None:
        """Raises InvalidProof, ProofNonceRequired or InvalidToken unless the use is allowed."""
        proof = self._accept(use.proofs, use.method, use.path, use.now // _SECOND)
        if proof.ath is None:
            raise sessionauth.InvalidProof("ath_missing")
        digest = hashlib.sha256(sessionauth._octets(use.token)).digest()
        if not _equal(proof.ath, _encode(digest)):
            raise sessionauth.InvalidProof("ath")
        if not use.bound:
            raise sessionauth.InvalidToken("unbound")
        if not _equal(proof.thumbprint, use.install_id):
            raise sessionauth.InvalidToken("binding")

    def _accept(self, proofs: Sequence[str], method: str, path: str, now: int) -> _Proof:
        """Makes the checks that depend neither on the token nor on whose key it is."""
        proof = _parse(proofs)
        if not method or not path:
            raise sessionauth.InvalidProof("forwarded")
        if proof.method != method:
            raise sessionauth.InvalidProof("htm")
        split = _split(proof.uri)
        if split is None or split[1] != _sent_path(path) or split[0] not in self._origins:
            raise sessionauth.InvalidProof("htu")
        self._check_time(proof, now)
        return proof

    def _check_time(self, proof: _Proof, now: int) -> None:
        """Checks when the proof was made.

        A nonce says so, so that the client's clock does not matter. One that is not accepted is a
        fault also if the time is right: a thief could make proofs for a later time in advance.
        """
        reason = None
        fresh = proof.nonce is not None and self._nonces.accepts(proof.nonce, now)
        if proof.nonce is not None and not fresh:
            reason = "nonce"
        elif proof.expires is not None and proof.expires <= now:
            reason = "stale"
        elif not fresh and proof.issued_at < now - _PAST:
            reason = "stale"
        elif not fresh and proof.issued_at > now + _FUTURE:
            reason = "future"
        if reason is not None:
            raise sessionauth.ProofNonceRequired(reason, self._nonces.at(now))


def _check_texts(name: str, given: tuple[str, ...]) -> None:
    sessionauth._check_type(name, given, tuple)
    for each in given:
        sessionauth._check_type(f"each of {name}", each, str)
    if not given or not all(given):
        raise ValueError(f"{name} must not be empty")


class _Nonces:
    """Nonces that are computed from the time, and a key that is derived for this purpose alone."""

    _STEP = 60  # seconds; the present, the next and the two before are accepted
    _SIZE = 16  # bytes

    def __init__(self, secret: bytes) -> None:
        # HKDF with SHA-256 and one block (RFC 5869).
        extracted = hmac.new(bytes(32), secret, hashlib.sha256).digest()
        info = b"sessiond proof nonce v1\x01"
        self._key = hmac.new(extracted, info, hashlib.sha256).digest()

    def at(self, now: int) -> str:
        """Returns the nonce to give out at a time in seconds since 1970."""
        return self._of(now // self._STEP)

    def accepts(self, nonce: str, now: int) -> bool:
        present = now // self._STEP
        # Not any(), whose time would depend on which it is.
        return sum(_equal(nonce, self._of(present + step)) for step in range(-2, 2)) > 0

    def _of(self, step: int) -> str:
        digest = hmac.new(self._key, str(step).encode("ascii"), hashlib.sha256).digest()
        return _encode(digest[: self._SIZE])


def _encode(data: bytes) -> str:
    return sessionauth._encode_base64url(data).decode("ascii")


def _equal(text: str, other: str) -> bool:
    return hmac.compare_digest(text.encode("utf-8"), other.encode("utf-8"))


# --------------------------------------------------------------------------------------------------
# Proofs
# --------------------------------------------------------------------------------------------------


class _Proof(NamedTuple):
    """A proof whose signature is verified. Times are seconds since 1970."""

    thumbprint: str
    id: str
    method: str
    uri: str
    issued_at: int
    expires: Optional[int]
    nonce: Optional[str]
    ath: Optional[str]


def _parse(values: Sequence[str]) -> _Proof:
    """Makes the checks from missing to jti on the DPoP headers of a request."""
    if len(values) == 0:
        raise sessionauth.InvalidProof("missing")
    if len(values) > 1:
        raise sessionauth.InvalidProof("multiple")
    text = sessionauth._octets(values[0])
    if len(text) > _MAX_HEADER:
        raise sessionauth.InvalidProof("too_large")
    segments = text.split(b".")
    try:
        if len(segments) != 3 or not all(segments):
            raise sessionauth._NotStrict
        decoded = [sessionauth._decode_base64url(segment) for segment in segments]
        header, claims = (_read_object(part) for part in decoded[:2])
    except sessionauth._NotStrict:
        raise sessionauth.InvalidProof("malformed") from None
    thumbprint, matches = _read_key(header)
    if not matches(b".".join(segments[:2]), decoded[2]):
        raise sessionauth.InvalidProof("signature")
    return _read_claims(claims, thumbprint)


def _read_object(data: bytes) -> sessionauth._Object:
    document = sessionauth._read_json(data)
    if not isinstance(document, sessionauth._Object):
        raise sessionauth._NotStrict
    return document


def _read_key(header: sessionauth._Object) -> tuple[str, Callable[[bytes, bytes], bool]]:
    """Returns the thumbprint of the key in the header, and what verifies its signatures."""
    if header.get("typ") != "dpop+jwt":
        raise sessionauth.InvalidProof("typ")
    named = header.get("alg")
    of = next(
        (each for each in sessionauth._PUBLIC_ALGORITHMS if named in (each.name, *each.aliases)),
        None,
    )
    if of is None:
        raise sessionauth.InvalidProof("alg")
    if "crit" in header:  # no extension is known (RFC 7515, section 4.1.11)
        raise sessionauth.InvalidProof("crit")
    jwk = header.get("jwk")
    if not isinstance(jwk, sessionauth._Object):
        raise sessionauth.InvalidProof("jwk")
    if "d" in jwk or "k" in jwk:  # the private members of all algorithms
        raise sessionauth.InvalidProof("private_key")
    public = _public_part(jwk, of)
    # The canonical signature is not required: the hardware of devices makes both values of s.
    matches = None if public is None else of.matcher(public, canonical=False)
    if matches is None:
        raise sessionauth.InvalidProof("jwk")
    # The members that the algorithm requires, in the order of their names (RFC 7638).
    required = sorted({"kty": of.kty, "crv": of.crv, **{m: jwk[m] for m in of.members}}.items())
    canonical = ",".join(f'"{name}":"{value}"' for name, value in required)
    return _encode(hashlib.sha256(f"{{{canonical}}}".encode("ascii")).digest()), matches


def _public_part(jwk: sessionauth._Object, of: sessionauth._PublicAlgorithm) -> Optional[bytes]:
    """Returns the public part of a JWK, or None if it is no key of the algorithm."""
    if jwk.get("kty") != of.kty or jwk.get("crv") != of.crv or jwk.get("use", "sig") != "sig":
        return None
    public = b""
    for member in of.members:
        text = jwk.get(member)
        if not isinstance(text, str):
            return None
        try:
            part = sessionauth._decode_base64url(text.encode("utf-8"))
        except sessionauth._NotStrict:
            return None
        if len(part) != 32:
            return None
        public += part
    return public if of.fault(public) is None else None


def _read_claims(claims: sessionauth._Object, thumbprint: str) -> _Proof:
    jti = _required(claims, "jti", str)
    method = _required(claims, "htm", str)
    uri = _required(claims, "htu", str)
    issued_at = _seconds(_required(claims, "iat", sessionauth._Number).raw)
    exp = _optional(claims, "exp", sessionauth._Number)
    expires = None if exp is None else _seconds(exp.raw)
    nonce, ath = _optional(claims, "nonce", str), _optional(claims, "ath", str)
    if not 1 <= len(jti) <= _MAX_ID:
        raise sessionauth.InvalidProof("jti")
    return _Proof(thumbprint, jti, method, uri, issued_at, expires, nonce, ath)


_Claim = TypeVar("_Claim")


def _optional(claims: sessionauth._Object, name: str, kind: type[_Claim]) -> Optional[_Claim]:
    """Returns a claim that has that type if there is one."""
    value = claims.get(name)
    if name not in claims:
        return None
    if not isinstance(value, kind):
        raise sessionauth.InvalidProof("claims")
    return value


def _required(claims: sessionauth._Object, name: str, kind: type[_Claim]) -> _Claim:
    value = _optional(claims, name, kind)
    if value is None:
        raise sessionauth.InvalidProof("claims")
    return value


def _seconds(number: str) -> int:
    """Returns the integer part of a JSON number, exactly, within _MAX_SECONDS.

    RFC 7519 allows fractions and exponents. The latter may be so large that the number has no room.
    """
    match = _PARTS.fullmatch(number)
    assert match is not None  # it is a JSON number
    sign, whole, fraction, negative, exponent = match.groups(default="")
    digits = exponent.lstrip("0")
    shift = int(digits or "0") if len(digits) < 6 else 10**6
    point = len(whole) + (-shift if negative == "-" else shift)
    written = (whole + fraction)[: max(point, 0)]
    zeros = max(point, 0) - len(written)
    written = written.lstrip("0")
    if not written:
        return 0
    value = _MAX_SECONDS
    if len(written) + zeros <= 19:
        value = min(int(written) * 10**zeros, _MAX_SECONDS)
    return -value if sign else value


# --------------------------------------------------------------------------------------------------
# URIs (RFC 3986, sections 6.2.2 and 6.2.3)
# --------------------------------------------------------------------------------------------------


def _split(uri: str) -> Optional[tuple[str, str]]:
    """Returns the origin and the path of a URI in the form in which they are compared, if any.

    They are without query and fragment, scheme and host in lower case, without the default port,
    with ``/`` for an empty path, with %XX decoded where it stands for an unreserved character and
    in upper case elsewhere, and without dot segments. Nothing else is the same: no slash is added,
    removed or merged, and the case of a path counts.
    """
    scheme, found, rest = uri.partition("://")
    if not found:
        return None
    end = min((at for at in (rest.find(char) for char in "/?#") if at >= 0), default=len(rest))
    origin, path = _origin(scheme, rest[:end]), _path(rest[end:])
    return None if origin is None or path is None else (origin, path)


def _origin(scheme: str, authority: str) -> Optional[str]:
    """Returns the origin of a scheme and an authority: a host, and perhaps a port."""
    if not scheme.isascii() or not authority.isascii():
        return None
    scheme = scheme.lower()
    decoded = _decode_unreserved(authority)
    if scheme not in _PORTS or decoded is None:
        return None
    decoded = decoded.lower()
    at = decoded.find(":", decoded.find("]") + 1)
    host, port = (decoded, None) if at < 0 else (decoded[:at], decoded[at + 1 :])
    if not _is_host(host) or port is not None and not _PORT.fullmatch(port):
        return None
    return f"{scheme}://{host}" + ("" if port in (None, _PORTS[scheme]) else f":{port}")


def _is_host(text: str) -> bool:
    """Reports whether text is a name of unreserved characters or an IPv6 address in brackets."""
    if not text.startswith("["):
        return _UNRESERVED.fullmatch(text) is not None
    if not text.endswith("]") or "%" in text:
        return False
    try:
        ipaddress.IPv6Address(text[1:-1])
    except ValueError:
        return False
    return True


def _path(text: str) -> Optional[str]:
    """Returns the path of what follows the authority of a URI, in normal form."""
    end = min((at for at in (text.find("?"), text.find("#")) if at >= 0), default=len(text))
    text = text[:end]
    if not text:
        return "/"
    if text[0] != "/" or _NOT_IN_PATHS.search(text):
        return None
    decoded = _decode_unreserved(text)
    return None if decoded is None else _remove_dot_segments(decoded)


def _sent_path(text: str) -> Optional[str]:
    """Returns the path that a client sent, in normal form.

    It has no fragment, which clients do not send: servers take # for a part of the path, so a
    captured proof for one path would be good for every other that begins like it.
    """
    path = text.partition("?")[0]
    return None if "#" in path else _path(path)


def _remove_dot_segments(path: str) -> str:
    """Removes the segments . and .. of a path that begins with / (RFC 3986, section 5.2.4)."""
    kept: list[str] = []
    segments = path[1:].split("/")
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")  # a directory stays one
    return "/" + "/".join(kept)


def _decode_unreserved(text: str) -> Optional[str]:
    """Decodes each %XX of an unreserved character, and writes the others in upper case.

    Returns None if a % is followed by anything else.
    """
    pieces: list[str] = []
    at = 0
    for match in _ENCODED.finditer(text):
        digits = match.group(1)
        if digits is None:
            return None
        char = chr(int(digits, 16))
        pieces.append(text[at : match.start()])
        pieces.append(char if _UNRESERVED.fullmatch(char) else match.group().upper())
        at = match.end()
    return "".join(pieces) + text[at:]
