"""Obtains an anonymous session from sessiond, keeps it, renews it and sends it with requests.

``SessionClient`` needs only the standard library, ``FileKey`` and ``MemoryKey`` the package
cryptography. ``sessionclient.httpx`` has an ``httpx.Auth`` for
``httpx.Client`` and ``httpx.AsyncClient``; it is imported separately, because it needs httpx.
"""

from ._client import SessionClient
from ._errors import Detail, SessionError
from ._key import Key, Signer
from ._keys import FileKey, MemoryKey
from ._storage import FileStorage, MemoryStorage, Storage

__version__ = "1.0.0"

__all__ = [
    "Detail",
    "FileKey",
    "FileStorage",
    "Key",
    "MemoryKey",
    "MemoryStorage",
    "SessionClient",
    "SessionError",
    "Signer",
    "Storage",
]
