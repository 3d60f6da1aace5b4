"""The error of a session that could not be obtained."""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple


class Detail(NamedTuple):
    """Why sessiond refused one field of the request; ``min`` and ``max`` bound its length."""

    field: str
    rule: str
    min: Optional[int] = None
    max: Optional[int] = None


class SessionError(Exception):
    """No session could be obtained.

    ``code`` is sessiond's error code, for example ``session_rate_limited`` or
    ``validation_error``, or one of ``unreachable``, ``timeout``, ``unexpected_response`` and
    ``key_unavailable``, whose cause is the error of the key.
    ``status`` is the HTTP status of sessiond's response, if there was one; ``retry_after`` the
    seconds until a further attempt may succeed, if that is known; ``request_id`` finds the request
    in sessiond's log. The message never contains a token or an install ID.
    """

    def __init__(
        self,
        code: str,
        *,
        status: Optional[int] = None,
        details: Tuple[Detail, ...] = (),
        retry_after: Optional[int] = None,
        request_id: Optional[str] = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.details = details
        self.retry_after = retry_after
        self.request_id = request_id

    def __str__(self) -> str:
        parts = [f"no session: {self.code}"]
        if self.status is not None:
            parts.append(f"status {self.status}")
        parts += [f"{each.field}: {each.rule}" for each in self.details]
        if self.retry_after is not None:
            parts.append(f"retry after {self.retry_after} s")
        if self.request_id is not None:
            parts.append(f"request {self.request_id}")
        return ", ".join(parts)

    def __reduce__(self) -> Tuple[object, ...]:
        return (type(self), (self.code,), self.__dict__)


def copy_of(error: BaseException, retry_after: Optional[int] = None) -> BaseException:
    """Returns an error of its own for one of several callers.

    Raising one object in several threads would mix their tracebacks. Other errors than SessionError
    are defects, and returned as they are.
    """
    if not isinstance(error, SessionError):
        return error
    copied = SessionError(
        error.code,
        status=error.status,
        details=error.details,
        retry_after=error.retry_after if retry_after is None else retry_after,
        request_id=error.request_id,
    )
    copied.__cause__ = error.__cause__
    return copied
