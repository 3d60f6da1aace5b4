"""Proofs of possession of a key (RFC 9449), and the time that they name."""

from __future__ import annotations

import base64
import calendar
import hashlib
import json
import re
import secrets
from typing import Dict, List, Optional, Tuple

from ._key import Signer
from ._time import Time

_COORDINATE = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
"""The base64url of 32 bytes, in its only form."""

_MEMBERS = {"ES256": ("EC", "P-256", ("x", "y")), "EdDSA": ("OKP", "Ed25519", ("x",))}
_SIGNATURE = 64

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4})"
    r" ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)


def is_thumbprint(text: Optional[str]) -> bool:
    """Reports whether an install ID has the form of the thumbprint of a key."""
    return text is not None and _COORDINATE.fullmatch(text) is not None


class Device:
    """A key as it is used to make proofs. ``install_id`` is its thumbprint (RFC 7638)."""

    def __init__(self, signer: Signer) -> None:
        self.signer = signer
        algorithm, given = signer.algorithm, signer.jwk
        if algorithm not in _MEMBERS:
            raise ValueError("the algorithm of a key must be ES256 or EdDSA")
        kty, crv, coordinates = _MEMBERS[algorithm]
        jwk = {"crv": crv, "kty": kty}
        for name in coordinates:
            value = given.get(name)
            if not isinstance(value, str) or _COORDINATE.fullmatch(value) is None:
                raise ValueError(f"the member {name} of the key must be the base64url of 32 bytes")
            jwk[name] = value
        if (given.get("kty"), given.get("crv")) != (kty, crv):
            raise ValueError(f"a key for {algorithm} must have kty {kty} and crv {crv}")
        self.install_id = _digest(_json(dict(sorted(jwk.items()))))
        self._header = base64url(_json({"typ": "dpop+jwt", "alg": algorithm, "jwk": jwk}))

    def prove(
        self, method: str, uri: str, token: Optional[str], nonce: Optional[str], now: float
    ) -> str:
        """Returns a new proof for one request, which is sent with a token and answers a nonce, if
        there are such.
        """
        claims: Dict[str, object] = {
            "jti": base64url(secrets.token_bytes(16)),
            "htm": method,
            "htu": uri,
            "iat": int(now),
        }
        if token is not None:
            claims["ath"] = _digest(token.encode("ascii"))
        if nonce is not None:
            claims["nonce"] = nonce
        signed = self._header + "." + base64url(_json(claims))
        signature = self.signer.sign(signed.encode("ascii"))
        if not isinstance(signature, bytes) or len(signature) != _SIGNATURE:
            raise ValueError(f"the key must make signatures of {_SIGNATURE} bytes")
        return signed + "." + base64url(signature)


class ProofTime:
    """The time of proofs: that of the device until a server did not accept it, then the server's.

    It may be wrong for a while if threads correct it at once, by no more than their answers differ.
    """

    def __init__(self) -> None:
        self._told: Optional[Tuple[int, float]] = None  # the server's time, and when it told it

    def now(self, clock: Time) -> float:
        told = self._told
        return clock.wall() if told is None else told[0] + (clock.now() - told[1])

    def correct(self, clock: Time, dates: List[str]) -> None:
        """Sets the time to the Date of an answer that has just arrived, if it has a sound one."""
        date = parse_date(dates[0]) if len(dates) == 1 else None
        if date is not None:
            self._told = (date, clock.now())


def parse_date(text: str) -> Optional[int]:
    """Returns the Unix seconds of a date (RFC 9110, 5.6.7) after 1970, or None."""
    matched = _DATE.fullmatch(text)
    if matched is None or matched.group(2) not in _MONTHS:
        return None
    month = _MONTHS.index(matched.group(2)) + 1
    day, year, hour, minute, second = (int(matched.group(each)) for each in (1, 3, 4, 5, 6))
    if year < 1970 or not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    if hour > 23 or minute > 59 or second > 60:
        return None
    return calendar.timegm((year, month, day, hour, minute, second)) or None


def _digest(data: bytes) -> str:
    return base64url(hashlib.sha256(data).digest())


def _json(members: Dict[str, object]) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode("ascii")


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
