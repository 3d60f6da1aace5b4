"""Requests to sessiond for a session."""

from __future__ import annotations

import ssl
from time import monotonic
from typing import Optional

from ._binding import Binding
from ._exchange import Response, code_of, exchange
from ._proof import Device
from ._sending import refusal_in
from ._time import Time

_PATH = "/v1/sessions/anonymous"


class Service:
    """Has what each request for a session has in common."""

    def __init__(
        self,
        base: str,
        app_version: str,
        platform: str,
        timeout: float,
        ssl_context: Optional[ssl.SSLContext],
    ) -> None:
        self._url = base + _PATH
        self._app_version = app_version
        self._platform = platform
        self._timeout = timeout
        self._ssl_context = ssl_context

    def ask(
        self,
        install_id: str,
        token: Optional[str],
        binding: Binding,
        device: Optional[Device],
        clock: Time,
    ) -> Response:
        """Sends the request, and once more if the time of its proof is refused, within the timeout
        of one exchange. Raises SessionError.
        """
        body = {
            "install_id": install_id,
            "app_version": self._app_version,
            "platform": self._platform,
        }
        deadline = monotonic() + self._timeout
        nonce: Optional[str] = None
        while True:
            headers = binding.headers(device, token, "POST", self._url, nonce, clock)
            left = max(0.001, deadline - monotonic())
            response = exchange(self._url, body, headers, left, self._ssl_context)
            if device is None or response.status != 401:
                return response
            refusal = refusal_in(response.headers.get_all)
            code = code_of(response) or refusal.code
            again, nonce = nonce is None, binding.challenge(refusal._replace(code=code), clock)
            if nonce is None or not again:
                return response
