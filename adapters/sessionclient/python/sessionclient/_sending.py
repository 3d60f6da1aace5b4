"""What is known of one request to the application, or of one call for a token."""

from __future__ import annotations

import re
from typing import Optional, Set

# A parameter of a challenge (RFC 9110, 11.2). What stands in a quoted string is none.
_PARAMETER = re.compile(r'([\w-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)')
_CODES = ("expired_token", "invalid_token")


class Sending:
    """Has the seconds that the request may still wait for a session, whether it can be sent again,
    and the codes that it has been refused with: each is handled once.
    """

    def __init__(self, max_wait: float, replayable: bool) -> None:
        self.left = max_wait
        self.replayable = replayable
        self._seen: Set[str] = set()

    def first(self, error_code: Optional[str], challenge: Optional[str]) -> Optional[str]:
        """Returns the code of a 401 that is to be handled, from its header or its challenge."""
        code = (error_code or "").split(",")[0].strip()  # two servers may each have set it
        if not code:
            found = _PARAMETER.findall(challenge or "")
            parameters = {(name.lower(), value.strip('"')) for name, value in found}
            if ("error", "invalid_token") in parameters:
                expired = ("error_description", "expired") in parameters
                code = "expired_token" if expired else "invalid_token"
        if code not in _CODES or code in self._seen:
            return None
        self._seen.add(code)
        return code
