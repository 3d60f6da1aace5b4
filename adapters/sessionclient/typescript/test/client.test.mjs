// Tests what is particular to fetch, to storages and to locks, with a transport of the test.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { inspect } from "node:util";
import { inMemory, SessionError } from "../built/index.js";
import { leased } from "../built/locks.js";
import { machine } from "../built/machine.js";
import { application, impatient, patience, refused, sessions, within, World } from "./fake.mjs";

test("a Request is sent again with its body, method, headers and mode", async () => {
  const world = new World();
  world.answers = [refused("expired_token"), refused("invalid_token")];
  const request = new Request(`${application}/orders`, {
    method: "PUT",
    body: "tea",
    headers: { "X-Own": "1" },
    referrerPolicy: "origin",
  });
  const response = await world.client().fetch(request);
  assert.equal(await response.text(), "ok");
  assert.deepEqual(
    world.sent.map(({ authorization }) => authorization.slice(-1)),
    ["1", "2", "3"],
  );
  for (const { body, request: sent } of world.sent) {
    assert.equal(body, "tea");
    assert.equal(sent.method, "PUT");
    assert.equal(sent.headers.get("X-Own"), "1");
    assert.equal(sent.referrerPolicy, "origin");
  }
  assert.equal(request.bodyUsed, true, "as after the platform's fetch");
  assert.equal(request.headers.has("Authorization"), false, "the app's request is not changed");
});

test("init takes precedence over a Request, as in the platform's fetch", async () => {
  const world = new World();
  world.answers = [refused("expired_token")];
  const request = new Request(`${application}/orders`, {
    headers: { Authorization: "Basic x", "X-Own": "1" },
  });
  await world.client().fetch(request, { method: "POST", body: "tea", headers: { "X-Other": "2" } });
  assert.equal(world.sent.length, 2);
  for (const { body, authorization, request: sent } of world.sent) {
    assert.equal(body, "tea");
    assert.match(
      authorization,
      /^Bearer session\.\d$/,
      "the headers of init replace those of the Request",
    );
    assert.equal(sent.headers.get("X-Own"), null);
  }
  await world.client().fetch(request);
  assert.equal(world.sent[2].authorization, "Basic x");
});

for (const input of [`${application}/`, new Request(`${application}/`)]) {
  test(`members of init that platforms have reach fetch with a ${typeof input}`, async () => {
    const world = new World();
    world.answers = [refused("expired_token")];
    const own = { revalidate: 1 };
    const init = { method: "POST", body: "tea", headers: { "X-Own": "1" }, next: own };
    await world.client().fetch(input, init);
    assert.equal(world.sent.length, 2);
    for (const { body, authorization, request, init } of world.sent) {
      assert.equal(init.next, own);
      assert.deepEqual([body, request.method, request.headers.get("X-Own")], ["tea", "POST", "1"]);
      assert.match(authorization, /^Bearer session/);
    }
  });
}

for (const [name, url, init] of [
  ["another origin", "https://other.example/", { headers: { "X-Other": "2" } }],
  ["the application", `${application}/`, { headers: { Authorization: "Basic x" } }],
]) {
  test(`a Request with a body and init passes untouched to ${name}`, async () => {
    const world = new World();
    const request = new Request(url, { method: "POST", body: "tea" });
    await world.client().fetch(request, init);
    assert.equal(world.sent[0].input, request);
    assert.equal(world.sent[0].init, init);
    assert.equal(world.sent[0].body, "tea");
    assert.equal(world.issued.length, 0);
  });
}

for (const [name, stream] of [
  ["a stream", (body) => [`${application}/`, { method: "POST", body, duplex: "half" }]],
  [
    "a stream for a Request",
    (body) => [new Request(`${application}/`), { method: "POST", body, duplex: "half" }],
  ],
]) {
  test(`${name} is sent once`, async () => {
    const world = new World();
    world.answers = [refused("expired_token")];
    const response = await world.client().fetch(...stream(new Blob(["tea"]).stream()));
    assert.equal(response.status, 401);
    assert.deepEqual(
      world.sent.map(({ body }) => body),
      ["tea"],
    );
  });
}

test("every kind of data is sent again", async () => {
  const form = new FormData();
  form.set("drink", "tea");
  const bytes = new TextEncoder().encode("tea");
  for (const body of [
    "tea",
    bytes,
    bytes.buffer,
    new Blob(["tea"]),
    new URLSearchParams("drink=tea"),
    form,
  ]) {
    const world = new World();
    world.answers = [refused("expired_token")];
    const response = await world.client().fetch(`${application}/`, { method: "POST", body });
    assert.equal(response.status, 200, body.constructor.name);
    assert.deepEqual(
      world.sent.map((sent) => sent.body.includes("tea")),
      [true, true],
    );
  }
});

test("what is not for the application passes untouched", async () => {
  const world = new World();
  const { fetch } = world.client();
  for (const [url, headers] of [
    ["https://other.example/", {}],
    ["https://api.example.other.example/", {}],
    ["http://api.example/", {}],
    ["https://api.example:444/", {}],
    [`${application}/`, { authorization: "Basic x" }],
  ]) {
    const init = { headers, next: { revalidate: 1 } };
    await fetch(url, init);
    assert.equal(world.sent.at(-1).init, init);
    assert.equal(world.sent.at(-1).input, url);
  }
  assert.equal(world.issued.length, 0);
  const init = { next: { revalidate: 1 } };
  await fetch(new URL(application), init);
  assert.equal(world.sent.at(-1).init.next, init.next, "members of a platform's own reach it");
  assert.equal(init.headers, undefined, "the app's object is not changed");
});

test("a 401 from where a redirect led does not concern the session", async () => {
  const world = new World();
  const elsewhere = refused("invalid_token");
  Object.defineProperties(elsewhere, {
    redirected: { value: true },
    url: { value: "https://other.example/" },
  });
  world.answers = [elsewhere];
  assert.equal((await world.client().fetch(`${application}/`)).status, 401);
  assert.equal(world.issued.length, 1);
});

test("a redirect to another origin of the application gets the session there", async () => {
  const world = new World();
  const client = world.client({ application: [application, "https://other.example"] });
  world.answers = [
    Object.defineProperties(refused("unauthorized"), {
      redirected: { value: true },
      url: { value: "https://other.example/b" },
    }),
  ];
  assert.equal((await client.fetch(`${application}/a`)).status, 200);
  assert.deepEqual(
    world.sent.map(({ request, authorization }) => [request.url, authorization]),
    [
      [`${application}/a`, "Bearer session.1"],
      ["https://other.example/b", "Bearer session.1"],
    ],
  );
});

test("the service gets no cookies, and is not followed elsewhere", async () => {
  const world = new World();
  await world.client({ sessions: `${sessions}/base/` }).token();
  const [{ init, input }] = world.issued;
  assert.equal(input, `${sessions}/base/v1/sessions/anonymous`);
  assert.equal(init.credentials, "omit");
  assert.equal(init.redirect, "manual");
  assert.equal(init.cache, "no-store");
});

test("an abort rejects with its reason, before and during the wait", async () => {
  const world = new World();
  const given = new AbortController();
  const never = world.client({ fetch: () => new Promise(() => {}) });
  const waiting = [
    never.token({ signal: given.signal }),
    never.fetch(`${application}/`, { signal: given.signal }),
  ];
  waiting.push(never.fetch(new Request(`${application}/`, { signal: given.signal })));
  const reason = new Error("enough");
  given.abort(reason);
  for (const each of [...waiting, never.token({ signal: given.signal })]) {
    await assert.rejects(within("the abort", each), reason);
  }
});

test("a call waits no longer than it may, whatever it waits for", async () => {
  const client = new World().client({ fetch: () => new Promise(() => {}) });
  await assert.rejects(
    impatient(Infinity, () => client.token()),
    { name: "SessionError", code: "timeout" },
  );
});

test("Retry-After: 0 counts as one second", async () => {
  const busy = () => new Response("", { status: 503, headers: { "Retry-After": "0" } });
  const client = new World().client({ fetch: async () => busy(), maxWaitSeconds: 0.5 });
  await assert.rejects(client.token(), { code: "unexpected_response", retryAfterSeconds: 1 });
});

test("errors hold neither a token nor an install id", async () => {
  const world = new World();
  const storage = inMemory();
  const client = world.client({
    installId: "install-secret",
    storage,
    fetch: (input, init) => answer(input, init),
  });
  storage.save(
    JSON.stringify({ version: 1, install_id: "install-secret", session_token: "token.secret" }),
  );
  let response;
  const answer = async (input) =>
    String(input).startsWith(sessions) ? response() : refused("expired_token");
  for (const make of [
    () => Promise.reject(new TypeError("fetch failed")),
    () => new Response(JSON.stringify({ session_token: "token.secret", refresh_after: -1 })),
    () =>
      new Response(
        JSON.stringify({
          error: { code: "token.secret", details: [{ field: "install-secret", rule: "x" }] },
        }),
        { status: 422 },
      ),
  ]) {
    response = make;
    const error = await client.fetch(`${application}/`).then(assert.fail, (error) => error);
    assert.ok(error instanceof SessionError);
    assert.doesNotMatch(
      `${error} ${error.stack} ${JSON.stringify(error)} ${JSON.stringify(error.details)}`,
      /secret/,
    );
  }
});

const broken = {
  rejects: {
    load: () => Promise.reject(new Error("x")),
    save: () => Promise.reject(new Error("x")),
    lock: () => Promise.reject(new Error("x")),
  },
  throws: { load: () => assert.fail(), save: () => assert.fail(), lock: () => assert.fail() },
  "never answers": {
    load: () => new Promise(() => {}),
    save: () => new Promise(() => {}),
    lock: () => new Promise(() => {}),
  },
};
for (const [name, storage] of Object.entries(broken)) {
  test(`a storage that ${name} costs one session`, async () => {
    const world = new World();
    const client = world.client({ storage });
    const use = async () => [await client.token(), await client.token(), await client.token()];
    const tokens = await impatient(machine.storagePatience, use);
    assert.deepEqual(tokens, Array(3).fill("session.1"));
    await assert.rejects(client.signOut(), { name: "Error", message: /storage/ });
    assert.equal(await client.token(), "session.2");
  });
}

/** Returns a storage that keeps a text only if it is short enough. */
function small(most) {
  let kept = null;
  const save = (text) => {
    if ((text ?? "").length <= most) kept = text;
  };
  return { load: () => kept, save, lock: (work) => work() };
}

for (const [name, storage] of [
  ["keeps nothing", small(0)],
  ["keeps an install id alone", small(80)],
]) {
  test(`a storage that ${name} costs three sessions`, async () => {
    const world = new World();
    const client = world.client({ storage });
    for (let i = 0; i < 9; i++) await client.token();
    assert.equal(world.issued.length, 3);
    await client.signOut();
    assert.notEqual(await client.token(), "session.3");
  });
}

test("an error shows no part of the response", async () => {
  for (const raw of [
    "session.secret\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsession.secret\r\n",
  ]) {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.end(raw));
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `http://127.0.0.1:${server.address().port}`;
    const client = new World().client({ sessions: address, fetch: undefined });
    const error = await within(
      "the error",
      client.token().catch((error) => error),
    );
    assert.equal(error.code, "unreachable");
    assert.ok(error.cause instanceof Error);
    const shown = inspect(error, { depth: 9, showHidden: true });
    assert.equal(shown.includes("session.secret"), false, shown);
    await new Promise((resolve) => server.close(resolve));
  }
});

test("a 401 without an end is not waited for", async () => {
  const world = new World();
  let cancelled = false;
  const endless = new ReadableStream({ cancel: () => void (cancelled = true) });
  world.answers = [
    new Response(endless, { status: 401, headers: { "X-Error-Code": "expired_token" } }),
  ];
  const response = await within("the answer", world.client().fetch(`${application}/`));
  assert.equal(response.status, 200);
  assert.equal(cancelled, true);
});

test("the time for a challenge is bounded", async () => {
  const world = new World();
  const challenge = "a".repeat(10_000_000); // without a bound it would take days
  world.answers = [
    new Response("", { status: 401, headers: { "WWW-Authenticate": challenge } }),
  ];
  assert.equal((await world.client().fetch(`${application}/`)).status, 401);
});

test("a storage is used again when it is back", async () => {
  const world = new World();
  const kept = inMemory();
  let out = true;
  const call =
    (name) =>
    (...values) =>
      out ? assert.fail() : kept[name](...values);
  const client = world.client({
    storage: { load: call("load"), save: call("save"), lock: kept.lock },
  });
  assert.equal(await client.token(), "session.1");
  out = false;
  assert.equal(await client.token(), "session.1");
  assert.match(kept.load(), /session\.1/);
  kept.save(null);
  assert.equal(await client.token(), "session.2");
});

test("a lease excludes others, and ends if its tab is gone", async () => {
  let text = null;
  const lease = { get: () => text, set: (value) => (text = value) };
  const lock = leased(lease, 3600);
  let inside = 0;
  const work = async () => {
    assert.equal(++inside, 1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    inside--;
  };
  const first = lock(work);
  for (const end = performance.now() + patience; text === null;) {
    assert.ok(performance.now() < end, "timed out: waiting for the first lock");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await within("the second lock", Promise.all([first, lock(work)]));
  assert.equal(text, null);

  text = "of a tab that is gone";
  let entered = false;
  await within(
    "the stale lease",
    leased(lease, 0.05)(async () => (entered = true)),
  );
  assert.equal(entered, true);
  assert.equal(text, null);
});

test("options that cannot work are refused", () => {
  const world = new World();
  for (const wrong of [
    { sessions: "https://user:secret@sessions.example" },
    { sessions: "https://sessions.example/?x=1" },
    { sessions: "ftp://127.0.0.1" },
    { application: "/" },
    { application: [application, "http://10.0.2.2"] },
  ]) {
    assert.throws(
      () => world.client(wrong),
      (error) => error instanceof TypeError && !/secret/.test(error.message),
    );
  }
  for (const wrong of [{ timeoutSeconds: 0 }, { maxWaitSeconds: NaN }, { maxWaitSeconds: 1e9 }]) {
    assert.throws(() => world.client(wrong), RangeError);
  }
  for (const right of [
    "http://localhost:8080",
    "http://127.0.0.1",
    "http://[::1]:1",
    new URL(sessions),
  ])
    world.client({ sessions: right });
});
