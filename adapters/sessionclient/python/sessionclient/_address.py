"""Addresses of services, and origins: scheme, host and port."""

from __future__ import annotations

import ipaddress
import re
import urllib.parse
from typing import Container, Optional, Tuple

Origin = Tuple[str, str, int]

_PORTS = {"http": 80, "https": 443}
_SENT = re.compile(r"[!-~]+")
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
    origin = origin_of(url)
    parts = urllib.parse.urlsplit(url)
    if origin is None or parts.query or parts.fragment or not url.isascii() or " " in url:
        raise ValueError(
            f"{name} must be an http or https URL in ASCII, without user, query or fragment"
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
