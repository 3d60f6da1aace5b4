"""What is known of one request to the application, or of one call for a token."""

from __future__ import annotations

import re
from typing import Callable, List, NamedTuple, Optional, Set

# A parameter of a challenge (RFC 9110, 11.2). What stands in a quoted string is none.
_PARAMETER = re.compile(r'([\w-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)')

_MAX_CHALLENGE = 2048
"""How many characters of challenges are searched: the time that takes grows with the square."""

_NONCE = re.compile(r"[!-~]{1,256}")

NONCE_REQUIRED = "proof_nonce_required"


class Refusal(NamedTuple):
    """What the headers of a 401 say."""

    code: str
    nonce: Optional[str]
    dates: List[str]


def refusal_in(values: Callable[[str], Optional[List[str]]]) -> Refusal:
    """Reads the headers of a 401. ``values`` returns all values of a header."""
    # Two servers may each have set the code.
    code = ",".join(values("X-Error-Code") or []).split(",")[0].strip()
    if not code:
        code = _code_in(", ".join(values("WWW-Authenticate") or [])[:_MAX_CHALLENGE])
    nonces = values("DPoP-Nonce") or []
    nonce = nonces[0] if len(nonces) == 1 and _NONCE.fullmatch(nonces[0]) else None
    return Refusal(code, nonce, values("Date") or [])


def _code_in(challenge: str) -> str:
    found = _PARAMETER.findall(challenge)
    parameters = {(name.lower(), value.strip('"')) for name, value in found}
    if ("error", "use_dpop_nonce") in parameters:
        return NONCE_REQUIRED
    if ("error", "invalid_token") in parameters:
        expired = ("error_description", "expired") in parameters
        return "expired_token" if expired else "invalid_token"
    return ""


class Sending:
    """Has the seconds that the request may still wait for a session, whether it can be sent again,
    and the nonce that its next proof is to name. Each code that it is refused with is handled once.
    """

    def __init__(self, max_wait: float, replayable: bool) -> None:
        self.left = max_wait
        self.replayable = replayable
        self._nonce: Optional[str] = None
        self._seen: Set[str] = set()

    def first(self, code: str) -> bool:
        """Reports whether the request was not refused with this code before."""
        seen = code in self._seen
        self._seen.add(code)
        return not seen

    def answer(self, nonce: str) -> None:
        self._nonce = nonce

    def take_nonce(self) -> Optional[str]:
        """Returns the nonce for the next proof, and for no later one."""
        nonce, self._nonce = self._nonce, None
        return nonce
