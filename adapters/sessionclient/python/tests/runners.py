"""Runs a case of the table with one kind of client."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import threading
import urllib.error
import urllib.request
from typing import (
    Any, AsyncIterator, Callable, Coroutine, Dict, List, Optional,
)  # fmt: skip

import httpx
import pytest

import sessionclient
from conftest import LONG, Clock, call, post, until
from sessionclient.httpx import SessionAuth

Outcome = Dict[str, Any]
Future = concurrent.futures.Future[Outcome]


def response_of(status: int, body: bytes) -> Outcome:
    try:
        return {"status": status, "body": json.loads(body)}
    except ValueError:
        return {"status": status, "body": body.decode("utf-8", "replace")}


def error_of(error: sessionclient.SessionError) -> Outcome:
    details = [
        {name: value for name, value in each._asdict().items() if value is not None}
        for each in error.details
    ]
    return {
        "error": error.code,
        "status": error.status,
        "details": details,
        "retry_after": error.retry_after,
        "request_id": error.request_id,
        "message": str(error),
    }


def pieces(body: str) -> List[bytes]:
    data = body.encode()
    return [data[: len(data) // 2], data[len(data) // 2 :]]


class Core:
    """Requests through SessionClient.open."""

    can_cancel = False

    def __init__(self) -> None:
        self._pool = concurrent.futures.ThreadPoolExecutor(64)

    def add(self, client: sessionclient.SessionClient) -> Any:
        return client

    def start(self, client: Any, url: str, step: Dict[str, Any]) -> Future:
        return self._pool.submit(self._caught, lambda: self.send(client, url, step))

    def token(self, client: sessionclient.SessionClient) -> Future:
        return self._pool.submit(self._caught, lambda: {"token": bool(client.token())})

    def credentials(
        self, client: sessionclient.SessionClient, method: str, url: str
    ) -> Dict[str, str]:
        return client.credentials(method, url)

    def _caught(self, run: Callable[[], Outcome]) -> Outcome:
        try:
            return run()
        except sessionclient.SessionError as error:
            return error_of(error)

    def send(self, client: Any, url: str, step: Dict[str, Any]) -> Outcome:
        data: Any = None
        if "body" in step:
            data = iter(pieces(step["body"])) if step.get("stream") else step["body"].encode()
        request = urllib.request.Request(
            url, data, step.get("headers", {}), method=step.get("method", "GET")
        )
        try:
            with client.open(request, timeout=LONG) as response:
                return response_of(response.status, response.read())
        except urllib.error.HTTPError as refusal:
            with refusal:
                return response_of(refusal.code, refusal.read())

    def cancel(self, future: Future) -> None:
        raise AssertionError("threads cannot be cancelled")

    def close(self) -> None:
        self._pool.shutdown()


class Httpx(Core):
    """Requests through httpx.Client."""

    def __init__(self) -> None:
        super().__init__()
        self._clients: List[httpx.Client] = []

    def add(self, client: sessionclient.SessionClient) -> httpx.Client:
        made = httpx.Client(
            auth=SessionAuth(client), timeout=LONG, follow_redirects=True, verify=False
        )
        self._clients.append(made)
        return made

    def send(self, client: httpx.Client, url: str, step: Dict[str, Any]) -> Outcome:
        content: Any = None
        if "body" in step:
            content = iter(pieces(step["body"])) if step.get("stream") else step["body"].encode()
        response = client.request(
            step.get("method", "GET"), url, content=content, headers=step.get("headers")
        )
        return response_of(response.status_code, response.content)

    def close(self) -> None:
        super().close()
        for each in self._clients:
            each.close()


class Async:
    """Requests through httpx.AsyncClient, all on one event loop."""

    can_cancel = True

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_debug(True)
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._clients: List[httpx.AsyncClient] = []

    def add(self, client: sessionclient.SessionClient) -> httpx.AsyncClient:
        made = httpx.AsyncClient(
            auth=SessionAuth(client), timeout=LONG, follow_redirects=True, verify=False
        )
        self._clients.append(made)
        return made

    def start(self, client: Any, url: str, step: Dict[str, Any]) -> Future:
        return self._submit(self._caught(self._send(client, url, step)))

    def token(self, client: sessionclient.SessionClient) -> Future:
        async def run() -> Outcome:
            return {"token": bool(await client.token_async())}

        return self._submit(self._caught(run()))

    def credentials(
        self, client: sessionclient.SessionClient, method: str, url: str
    ) -> Dict[str, str]:
        run = client.credentials_async(method, url)
        return asyncio.run_coroutine_threadsafe(run, self._loop).result(LONG)

    def _submit(self, run: Coroutine[Any, Any, Outcome]) -> Future:
        return asyncio.run_coroutine_threadsafe(run, self._loop)

    async def _caught(self, run: Coroutine[Any, Any, Outcome]) -> Outcome:
        try:
            return await run
        except sessionclient.SessionError as error:
            return error_of(error)

    async def _send(self, client: Any, url: str, step: Dict[str, Any]) -> Outcome:
        async def streamed() -> AsyncIterator[bytes]:
            for each in pieces(step["body"]):
                yield each

        content: Any = None
        if "body" in step:
            content = streamed() if step.get("stream") else step["body"].encode()
        response = await client.request(
            step.get("method", "GET"), url, content=content, headers=step.get("headers")
        )
        return response_of(response.status_code, response.content)

    def cancel(self, future: Future) -> None:
        assert future.cancel()

    def close(self) -> None:
        async def finish() -> Outcome:
            for each in self._clients:
                await each.aclose()
            return {}

        self._submit(finish()).result(LONG)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LONG)
        self._loop.close()


class Shared(sessionclient.MemoryStorage):
    """A storage that can be made to fail."""

    fails = False

    def load(self) -> Optional[str]:
        if self.fails:
            raise OSError("the storage fails")
        return super().load()

    def save(self, text: Optional[str]) -> None:
        if self.fails:
            raise OSError("the storage fails")
        super().save(text)


class Case:
    """One case in a world of its own."""

    def __init__(self, control: str, case: Dict[str, Any], kind: Callable[[], Any]) -> None:
        self.world = post(control + "/worlds", {"env": case.get("env", {})})
        self.clock = Clock(self.world["now"])
        self.kind = kind()
        self.steps: List[Dict[str, Any]] = case["steps"]
        self.storages: Dict[str, Shared] = {}
        self.keys: Dict[str, sessionclient.MemoryKey] = {}
        self.clients: Dict[str, sessionclient.SessionClient] = {}
        self.senders: Dict[str, Any] = {}
        self.begun: Dict[str, List[Future]] = {}
        self.step = ""

    def run(self) -> None:
        for number, step in enumerate(self.steps, 1):
            self.step = f"step {number}: {json.dumps(step)}"
            (verb,) = set(step) - {"expect"}
            getattr(self, "do_" + verb)(step[verb], step.get("expect"))

    def close(self) -> None:
        post(self.world["control"] + "/release", {})
        call("DELETE", self.world["control"])
        self.clock.end()
        self.kind.close()

    def do_client(self, given: Dict[str, Any], _: Any) -> None:
        options = {name: given[name] for name in given if name not in ("as", "storage")}
        self.use_key(options)
        options.setdefault("app_version", "1.0")
        options.setdefault("platform", "test")
        options.setdefault("timeout", LONG)
        client = sessionclient.SessionClient(
            self.world["sessions"],
            self.world["application"],
            storage=self.storage(given.get("storage", given["as"])),
            **options,
        )
        client._source.time = self.clock
        self.clients[given["as"]] = client
        self.senders[given["as"]] = self.kind.add(client)

    def use_key(self, options: Dict[str, Any]) -> None:
        """Puts a key in the place of its name."""
        if "key" in options:
            options["key"] = self.keys.setdefault(options["key"], sessionclient.MemoryKey())

    def storage(self, name: str) -> Shared:
        return self.storages.setdefault(name, Shared())

    def start(self, given: Dict[str, Any]) -> List[Future]:
        application = self.world["application"]
        path = given["path"].replace("{application}", application)
        path = path.replace("{elsewhere}", application.replace("127.0.0.1", "localhost"))
        url = path if path.startswith("http") else application + path
        return [
            self.kind.start(self.senders[given["client"]], url, given)
            for _ in range(given.get("times", 1))
        ]

    def do_refused(self, given: Dict[str, Any], _: Any) -> None:
        options = {"sessions": self.world["sessions"], "application": self.world["application"]}
        options.update(given)
        self.use_key(options)
        with pytest.raises(ValueError):
            sessionclient.SessionClient(**options, app_version="1.0", platform="test")

    def do_request(self, given: Dict[str, Any], expect: Dict[str, Any]) -> None:
        for each in self.start(given):
            self.check(each, expect)

    def do_begin(self, given: Dict[str, Any], _: Any) -> None:
        self.begun[given["as"]] = self.start(given)

    def do_finish(self, name: str, expect: Dict[str, Any]) -> None:
        for each in self.begun.pop(name):
            self.check(each, expect)

    def do_cancel(self, name: str, _: Any) -> None:
        for each in self.begun[name]:
            self.kind.cancel(each)

    def do_token(self, name: str, expect: Dict[str, Any]) -> None:
        self.check(self.kind.token(self.clients[name]), expect)

    def do_credentials(self, given: Dict[str, Any], expect: Dict[str, Any]) -> None:
        method, url = given["method"], self.world["application"] + given["path"]
        headers = self.kind.credentials(self.clients[given["client"]], method, url)
        with urllib.request.urlopen(
            urllib.request.Request(url, headers=headers, method=method), timeout=LONG
        ) as response:
            self.compare(response_of(response.status, response.read()), expect)

    def check(self, future: Future, expect: Optional[Dict[str, Any]]) -> None:
        try:
            outcome = future.result(LONG)
        except concurrent.futures.CancelledError:
            outcome = {"error": "cancelled"}
        self.compare(outcome, expect)

    def compare(self, outcome: Outcome, expect: Optional[Dict[str, Any]]) -> None:
        wanted = expect or {}
        if "error" not in wanted:
            assert "error" not in outcome, f"{self.step}: {outcome}"
        for name, value in wanted.items():
            got = outcome.get(name)
            if name == "body" and isinstance(value, dict):
                assert isinstance(got, dict), f"{self.step}: {outcome}"
                got = {member: got.get(member) for member in value}
            assert got == value, f"{self.step}: {outcome}"

    def do_advance(self, seconds: float, _: Any) -> None:
        post(self.world["control"] + "/advance", {"seconds": seconds})
        self.clock.advance(seconds)

    def do_device_clock(self, seconds: float, _: Any) -> None:
        self.clock.move_wall(seconds)

    def do_answers(self, answers: Any, _: Any) -> None:
        post(self.world["control"] + "/answers", answers)

    def do_release(self, _: Any, __: Any) -> None:
        post(self.world["control"] + "/release", {})

    def seen(self) -> Dict[str, Any]:
        seen: Dict[str, Any] = call("GET", self.world["control"] + "/seen")
        return {**seen, "sleeping": self.clock.sleeping}

    def do_await(self, wanted: Dict[str, Any], _: Any) -> None:
        if "idle" in wanted:
            client = self.clients[wanted["idle"]]
            until(lambda: client._source._flight is None, self.step)
            return

        def reached() -> bool:
            seen = self.seen()
            return all(seen[name] >= count for name, count in wanted.items())

        until(reached, self.step)

    def do_holds(self, given: Dict[str, Any], _: Any) -> None:
        text = self.storage(given["storage"]).load()
        held = {} if text is None else json.loads(text)
        for member, name in (("token", "session_token"), ("install_id", "install_id")):
            if member in given:
                assert (name in held) == given[member], f"{self.step}: {sorted(held)}"

    def do_seen(self, wanted: Dict[str, Any], _: Any) -> None:
        seen = self.seen()
        assert wanted.items() <= seen.items(), f"{self.step}: {seen}"

    def do_sign_out(self, name: str, expect: Any) -> None:
        if expect == {"error": "storage"}:
            with pytest.raises(OSError):
                self.clients[name].sign_out()
        else:
            self.clients[name].sign_out()

    def do_stored(self, given: Dict[str, Any], _: Any) -> None:
        self.storage(given["storage"]).save(given["text"])

    def do_storage_fails(self, name: str, _: Any) -> None:
        self.storage(name).fails = True


KINDS: Dict[str, Any] = {"urllib": Core, "httpx": Httpx, "asyncio": Async}
