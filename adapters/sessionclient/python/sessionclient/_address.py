"""Addresses of services, and origins: scheme, host and port."""

from __future__ import annotations

import ipaddress
import re
from typing import Container, Optional, Tuple

Origin = Tuple[str, str, int]

_PORTS = {"http": 80, "https": 443}
_SENT = re.compile(r"[!-~]+")
_DEVIATIONS = re.compile("[\u00df\u03c2\u1e9e\u200c\u200d]")
"""Letters that IDNA 2003, which urllib has, and IDNA 2008, which httpx has, write differently."""

_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{0,5}))?")


def origin_of(url: str) -> Optional[Origin]:
    """Returns the origin of an absolute URL, or None if it is not plainly one of http or https.

    The authority is matched strictly, because libraries disagree on what a malformed one names.
    """
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if separator == "" or scheme not in _PORTS:
        return None
    matched = _AUTHORITY.fullmatch(re.split(r"[/?#]", rest, maxsplit=1)[0])
    if matched is None:
        return None
    port = int(matched.group(2)) if matched.group(2) else _PORTS[scheme]
    return (scheme, matched.group(1).lower(), port)


def with_ascii_host(url: str) -> str:
    """Returns a URL with its host as it is sent. Raises ValueError if there is no one way for it."""
    scheme, separator, rest = url.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if authority.isascii():
        return url
    if _DEVIATIONS.search(authority):
        raise ValueError("a host with ß, ς or a joiner must be given in ASCII (xn--…)")
    sent = authority.encode("idna").decode("ascii")
    return scheme + separator + sent + rest[len(authority) :]


def requested(url: str, origins: Container[Optional[Origin]]) -> str:
    """Returns the URI of a request to one of the origins, without the query and the fragment.

    The scheme may be ws or wss. Libraries escape URLs in ways of their own, so this one must be as
    it is sent. Raises ValueError.
    """
    scheme, separator, rest = url.partition("://")
    url = {"ws": "http", "wss": "https"}.get(scheme.lower(), scheme) + separator + rest
    if _SENT.fullmatch(url) is None:
        raise ValueError("url must be in ASCII and without spaces, as it is sent")
    if origin_of(url) not in origins:
        raise ValueError("url must be of an origin of the application")
    return without_query(url)


def without_query(url: str) -> str:
    """Returns a URL as a proof names it: without query and fragment."""
    return re.split(r"[?#]", url, maxsplit=1)[0]


def base_url(name: str, url: str) -> Tuple[str, Origin]:
    """Checks a base URL of the configuration. Returns it without a final slash, and its origin."""
    if not isinstance(url, str):
        raise TypeError(f"{name} must be text")
    try:
        url = with_ascii_host(url)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    origin = origin_of(url)
    if origin is None or re.search("[?#]", url) or _SENT.fullmatch(url) is None:
        raise ValueError(
            f"{name} must be an http or https URL with a path in ASCII, without user, query,"
            " fragment or zone"
        )
    if origin[0] == "http" and not _is_loopback(origin[1]):
        raise ValueError(f"{name} must use https, because its host is not loopback")
    return url.rstrip("/"), origin


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
