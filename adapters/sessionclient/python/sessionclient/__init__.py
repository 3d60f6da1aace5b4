"""Obtains an anonymous session from sessiond, keeps it, renews it and sends it with requests.

``SessionClient`` needs only the standard library. ``sessionclient.httpx`` has an ``httpx.Auth`` for
``httpx.Client`` and ``httpx.AsyncClient``; it is imported separately, because it needs httpx.
"""

from ._client import SessionClient
from ._errors import Detail, SessionError
from ._storage import FileStorage, MemoryStorage, Storage

__version__ = "1.0.0"

__all__ = [
    "Detail",
    "FileStorage",
    "MemoryStorage",
    "SessionClient",
    "SessionError",
    "Storage",
]
