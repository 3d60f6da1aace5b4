"""Where a client keeps its session."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
import threading
import time
import weakref
from typing import Callable, ContextManager, Iterator, Optional, Protocol, Set, Union

MAX_TEXT = 64 << 10
"""How many bytes of a storage are read at most."""

_LOCK_WAIT = 30.0
"""How many seconds a lock is waited for. Its holder needs it for one exchange with sessiond."""

_LOCK_PAUSE = 0.02


class Storage(Protocol):
    """Holds one text, which only the app may read. Clients may share it, in several processes.

    ``load`` and ``save`` must be quick, because asynchronous clients call them on the event loop;
    ``lock`` may wait, and is only entered in threads of the client. Each may raise: the client then
    goes on in memory.
    """

    def load(self) -> Optional[str]:
        """Returns the text that was saved last, or None."""

    def save(self, text: Optional[str]) -> None:
        """Replaces the text; None deletes it."""

    def lock(self) -> ContextManager[None]:
        """Returns a lock that is held while one client obtains a session for all of them."""


class MemoryStorage:
    """Keeps the text as long as the process runs."""

    def __init__(self) -> None:
        self._text: Optional[str] = None
        self._lock = threading.Lock()
        _storages.add(self)

    def load(self) -> Optional[str]:
        return self._text

    def save(self, text: Optional[str]) -> None:
        self._text = text

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        lock = self._lock
        if not lock.acquire(timeout=_LOCK_WAIT):
            raise TimeoutError("the lock of the storage is held for too long")
        try:
            yield
        finally:
            lock.release()

    def _after_fork(self) -> None:
        self._lock = threading.Lock()  # a thread that the child does not have may hold the old one


class FileStorage:
    """Keeps the text in a file that only its owner can read (mode 0600).

    The file is replaced atomically. A file beside it, whose name ends in ``.lock``, is locked while
    a session is obtained, so that several processes obtain one session. The lock is advisory
    (``flock``, or ``msvcrt.locking`` on Windows). Symbolic links are not followed. A missing folder
    is created, with mode 0700. No other user may write to the folder: who owns the file is not
    checked, as file systems of a network or another system change that.
    """

    def __init__(self, path: Union[str, os.PathLike[str]]) -> None:
        self._path = os.path.abspath(os.fspath(path))
        self._locked: Set[int] = set()  # descriptors
        _storages.add(self)

    def load(self) -> Optional[str]:
        return read_regular(self._path, lambda _: None)

    def save(self, text: Optional[str]) -> None:
        if os.path.lexists(self._path):
            _check_regular(os.lstat(self._path))
        if text is None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)
            return
        self._make_folder()
        descriptor, temporary = tempfile.mkstemp(  # with mode 0600
            prefix=os.path.basename(self._path) + ".", dir=os.path.dirname(self._path)
        )
        try:
            with open(descriptor, "wb") as file:
                file.write(text.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        self._make_folder()
        descriptor = _open_regular(self._path + ".lock", os.O_RDWR | os.O_CREAT)
        self._locked.add(descriptor)
        owner = os.getpid()
        try:
            deadline = time.monotonic() + _LOCK_WAIT
            while not _try_lock(descriptor):
                if time.monotonic() >= deadline:
                    raise TimeoutError("the lock of the storage is held for too long")
                time.sleep(_LOCK_PAUSE)
            try:
                yield
            finally:
                # Closing is not enough while a child, forked by other means, has the descriptor.
                _unlock(descriptor)
        finally:
            if owner == os.getpid():
                self._locked.discard(descriptor)
                os.close(descriptor)

    def _make_folder(self) -> None:
        os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)

    def _after_fork(self) -> None:
        # The child must not prolong a lock of its parent.
        for descriptor in self._locked:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._locked = set()


def read_regular(path: str, check: Callable[[os.stat_result], None]) -> Optional[str]:
    """Returns the text of a regular file, or None if there is none. ``check`` may refuse it."""
    try:
        with open(_open_regular(path, os.O_RDONLY), "rb") as file:
            check(os.fstat(file.fileno()))
            return file.read(MAX_TEXT + 1).decode("utf-8", "replace")
    except FileNotFoundError:
        return None


def _open_regular(path: str, flags: int) -> int:
    """Opens a regular file. It neither follows a link nor waits for the writer of a pipe."""
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):  # each is missing somewhere
        flags |= getattr(os, name, 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        _check_regular(os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_regular(status: os.stat_result) -> None:
    # A link could lead into files of others.
    if not stat.S_ISREG(status.st_mode):
        raise OSError("not a regular file")


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


_storages: weakref.WeakSet[Union[MemoryStorage, FileStorage]] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for storage in list(_storages):
        storage._after_fork()


if hasattr(os, "register_at_fork"):  # missing on platforms without fork
    os.register_at_fork(after_in_child=_after_fork_in_child)
