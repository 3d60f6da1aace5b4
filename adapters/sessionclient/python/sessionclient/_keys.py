"""Keys that the package makes: in a file, or in memory."""

from __future__ import annotations

import os
import stat
import typing
from typing import Optional, Tuple, Union

from ._key import Signer
from ._storage import FileStorage, read_regular

if typing.TYPE_CHECKING:  # it needs cryptography, which clients without a key do not
    from ._signer import PrivateKey

_OTHERS = 0o077
"""The permissions of others than the owner of a file."""


class MemoryKey:
    """A P-256 key that is kept as long as the process runs."""

    def __init__(self) -> None:
        self._signer = _make()

    def signer(self) -> Signer:
        return self._signer

    def forget(self) -> None:
        self._signer = _make()


class FileKey:
    """A key in a file that only its owner can read (mode 0600): in PKCS #8, as PEM.

    The file, with a P-256 key, and a missing folder are created with the first use. Processes may
    share the file: it is created under the lock of a file beside it, whose name ends in ``.lock``,
    as with FileStorage. An Ed25519 key of yours is used, too.

    A file that is corrupt, not regular, or readable by others is an error, and stays as it is: with
    the key, all that belongs to the installation would be lost. ``sign_out`` removes it.
    """

    def __init__(self, path: Union[str, os.PathLike[str]]) -> None:
        from . import _signer  # noqa: F401  # it raises ImportError now, not at the first use

        self._path = os.path.abspath(os.fspath(path))
        self._file = FileStorage(self._path)
        self._parsed: Optional[Tuple[str, PrivateKey]] = None

    def signer(self) -> Signer:
        from ._signer import PrivateKey

        text = self._read()
        if not text:
            text = self._create()
        parsed = self._parsed
        if parsed is None or parsed[0] != text:
            try:
                parsed = self._parsed = (text, PrivateKey.parse(text))
            except ValueError as error:
                raise ValueError(f"{self._path}: {error}") from None
        return parsed[1]

    def forget(self) -> None:
        self._parsed = None
        self._file.save(None)

    def _create(self) -> str:
        with self._file.lock():
            text = self._read()  # another process may have created it
            if not text:
                self._file.save(_make().text())
                text = self._read()
            if not text:  # each use would create another key, and need another session
                raise OSError(f"{self._path}: the file does not keep the key")
            return text

    def _read(self) -> Optional[str]:
        return read_regular(self._path, self._check)

    def _check(self, status: os.stat_result) -> None:
        if os.name == "posix" and stat.S_IMODE(status.st_mode) & _OTHERS:
            raise PermissionError(
                f"{self._path}: others may read or write the file of the key"
                " (set its mode to 0600, or remove it if others have read it)"
            )


def _make() -> PrivateKey:
    from ._signer import PrivateKey

    return PrivateKey.make()
