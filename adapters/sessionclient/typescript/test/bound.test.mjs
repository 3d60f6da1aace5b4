// Tests what the table of cases cannot say about sessions that are bound to a key: what a proof
// holds, hostile challenges, and keys that fail or are replaced.
import assert from "node:assert/strict";
import { createHash, webcrypto } from "node:crypto";
import { after, before, beforeEach, describe, test } from "node:test";
import { inMemory, memoryKey, SessionClient, SessionError } from "../built/index.js";
import { machine } from "../built/machine.js";
import { application, impatient, refused, sessions, within, World } from "./fake.mjs";
import { startWorlds } from "./world.mjs";

const sha256 = (text) => createHash("sha256").update(text).digest("base64url");
const parse = (segment) => JSON.parse(Buffer.from(segment, "base64url").toString());

/** Returns what a proof says. */
function open(proof) {
  const [header, claims, signature, ...more] = proof.split(".");
  assert.deepEqual(more, []);
  return {
    header: parse(header),
    claims: parse(claims),
    signed: Buffer.from(`${header}.${claims}`),
    signature: Buffer.from(signature, "base64url"),
  };
}

/** Returns a 401 that asks for a nonce. */
const challenge = (headers) =>
  new Response("{}", {
    status: 401,
    headers: { "X-Error-Code": "proof_nonce_required", ...headers },
  });

describe("a bound client", () => {
  const { wall, now } = machine;
  let world, key, client;
  beforeEach(() => {
    world = new World();
    key = memoryKey();
    client = world.client({ key });
    Object.assign(machine, { now, wall: () => 1_700_000_000.9 });
  });
  after(() => Object.assign(machine, { wall, now }));

  /** Sends a request, and returns what its last proof says. */
  async function claimsOf(url = `${application}/`, init) {
    await client.fetch(url, init);
    return open(world.sent.at(-1).proof).claims;
  }

  test("sends proofs as RFC 9449 has them", async () => {
    const url = `${application}/a%20b/../c%2Fd//?q=1#f`;
    await client.fetch(url, { method: "post", body: "x" });
    const [asked, sent] = [world.issued[0], world.sent[0]];
    assert.equal(asked.authorization, null);
    assert.equal(sent.authorization, "DPoP session.1");
    const proofs = [asked, sent].map(({ proof }) => open(proof));
    for (const { header, signed, signature } of proofs) {
      assert.deepEqual(Object.keys(header), ["typ", "alg", "jwk"]);
      const { jwk, ...others } = header;
      assert.deepEqual(others, { typ: "dpop+jwt", alg: "ES256" });
      assert.deepEqual(Object.keys(jwk).sort(), ["crv", "kty", "x", "y"]);
      const { crv, kty, x, y } = jwk;
      assert.equal(JSON.parse(asked.body).install_id, sha256(JSON.stringify({ crv, kty, x, y })));
      const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
      const publicKey = await webcrypto.subtle.importKey("jwk", jwk, ecdsa, false, ["verify"]);
      assert.ok(await webcrypto.subtle.verify(ecdsa, publicKey, signature, signed));
    }
    const [first, second] = proofs.map(({ claims }) => claims);
    for (const { jti } of [first, second]) assert.match(jti, /^[\w-]{22}$/);
    assert.notEqual(first.jti, second.jti);
    const iat = 1_700_000_000;
    assert.deepEqual(
      { ...first, jti: "" },
      { jti: "", htm: "POST", htu: `${sessions}/v1/sessions/anonymous`, iat },
    );
    const htu = `${application}/c%2Fd//`;
    assert.deepEqual(
      { ...second, jti: "" },
      { jti: "", htm: "POST", htu, iat, ath: sha256("session.1") },
    );
  });

  test("names the method and the URL that the platform sends", async () => {
    client = world.client({ key, application: [application, "https://bücher.example"] });
    for (const [input, init, htm, htu] of [
      [`${application}`, undefined, "GET", `${application}/`],
      [new URL(`${application}/ü?ü`), { method: "delete" }, "DELETE", `${application}/%C3%BC`],
      [`${application.toUpperCase()}:443/X`, { method: "patch" }, "patch", `${application}/X`],
      [new Request(`${application}/r?q`, { method: "put" }), undefined, "PUT", `${application}/r`],
      [new Request(`${application}/r`), { method: "POST", body: "x" }, "POST", `${application}/r`],
      ["https://bücher.example/", undefined, "GET", "https://xn--bcher-kva.example/"],
      ["https://BÜCHER.example:443/ß", undefined, "GET", "https://xn--bcher-kva.example/%C3%9F"],
    ]) {
      const claims = await claimsOf(input, init);
      assert.deepEqual([claims.htm, claims.htu], [htm, htu]);
    }
    await assert.rejects(client.fetch(`${application}/`, { method: "TRACE" }), TypeError);
  });

  test("leaves requests of the app alone", async () => {
    const init = { headers: { Authorization: "Basic x", DPoP: "of the app" } };
    await client.fetch(`${application}/`, init);
    await client.fetch("https://other.example/");
    assert.deepEqual(
      world.sent.map(({ proof }) => proof),
      ["of the app", null],
    );
    assert.equal(world.issued.length, 0);
  });

  test("answers no nonce that cannot be one", async () => {
    const two = challenge();
    two.headers.append("DPoP-Nonce", "a");
    two.headers.append("DPoP-Nonce", "b");
    const hostile = ["", "a b", "a\tb", "\u00fc", "\x7f", "n".repeat(257), "n".repeat(100_000)];
    const answers = hostile.map((nonce) => challenge({ "DPoP-Nonce": nonce }));
    for (const answer of [two, challenge(), ...answers]) {
      world.answers = [answer];
      assert.equal(await client.fetch(`${application}/`), answer);
    }
    assert.equal(world.sent.length, hostile.length + 2);
    world.answers = [challenge({ "DPoP-Nonce": '{"}.,;=\\' })];
    assert.equal((await claimsOf()).nonce, '{"}.,;=\\');
    assert.equal((await claimsOf()).nonce, undefined);
  });

  test("answers a nonce once for one request, at the service too", async () => {
    const asked = [];
    const fetch = async (input, init) => {
      asked.push(new Headers(init.headers).get("DPoP"));
      return challenge({ "DPoP-Nonce": `n${asked.length}` });
    };
    const never = world.client({ key, fetch });
    for (const nonces of [
      [undefined, "n1"],
      [undefined, "n3"],
    ]) {
      await assert.rejects(never.token(), { code: "proof_nonce_required", status: 401 });
      assert.deepEqual(
        asked.slice(-2).map((proof) => open(proof).claims.nonce),
        nonces,
      );
    }
    assert.equal(new Set(asked).size, 4);
  });

  test("answers the service's nonce wherever a proxy left the code", async () => {
    const nonce = { "DPoP-Nonce": "n" };
    const bodies = [
      new Response(`{"error":{"code":"proof_nonce_required"}}`, { status: 401, headers: nonce }),
      new Response("<html>", {
        status: 401,
        headers: {
          ...nonce,
          "WWW-Authenticate": `Bearer realm="use_dpop_nonce", DPoP error="use_dpop_nonce"`,
        },
      }),
    ];
    for (const answer of bodies) {
      const answers = [answer];
      const fetch = async (...request) => answers.shift() ?? world.fetch(...request);
      assert.match(await world.client({ key: memoryKey(), fetch }).token(), /^session/);
      assert.equal(open(world.issued.at(-1).proof).claims.nonce, "n");
    }
  });

  test("takes the time from no Date that is not one", async () => {
    const day = "Thu, 01 Jan 2015 00:00:00 GMT";
    const dates = [
      "yesterday",
      "0",
      "1420070400",
      "2015-01-01T00:00:00Z",
      "Thu, 01 Jan 2015 00:00:00",
      "Thu, 01 Jan 2015 00:00:00 +0100",
      "Fri, 01 Jan 2015 00:00:00 GMT",
      "Thu, 32 Jan 2015 00:00:00 GMT",
      "Thursday, 01-Jan-15 00:00:00 GMT",
      "Thu, 01 Jan 1970 00:00:00 GMT",
      "Wed, 31 Dec 1969 23:59:59 GMT",
      "Mon, 01 Jan -2015 00:00:00 GMT",
      `${day}, ${day}`,
      `${day} (${"x".repeat(10_000)})`,
    ];
    for (const date of dates) {
      world.answers = [challenge({ "DPoP-Nonce": "n", Date: date })];
      const { iat, nonce } = await claimsOf();
      assert.deepEqual([iat, nonce], [1_700_000_000, "n"], date);
    }
    for (const answer of [new Response("", { headers: { Date: day } }), refused("expired_token")]) {
      answer.headers.set("Date", day);
      world.answers = [answer];
      await client.fetch(`${application}/`);
      assert.equal((await claimsOf()).iat, 1_700_000_000);
    }
  });

  test("keeps the time of a server on a monotonic clock", async () => {
    let seconds = 5;
    machine.now = () => seconds;
    world.answers = [challenge({ "DPoP-Nonce": "n", Date: "Thu, 01 Jan 2015 00:00:00 GMT" })];
    assert.equal((await claimsOf()).iat, 1_420_070_400);
    seconds += 9.5;
    machine.wall = () => 0;
    assert.equal((await claimsOf()).iat, 1_420_070_409);
    world.answers = [challenge({ Date: "Thu, 01 Jan 2015 01:00:00 GMT" })];
    assert.equal((await client.fetch(`${application}/`)).status, 401, "there is no nonce");
    assert.equal((await claimsOf()).iat, 1_420_074_000);
  });

  test("obeys no server to which a redirect led", async () => {
    const elsewhere = challenge({ "DPoP-Nonce": "n", Date: "Thu, 01 Jan 2015 00:00:00 GMT" });
    Object.defineProperties(elsewhere, {
      redirected: { value: true },
      url: { value: "https://other.example/" },
    });
    world.answers = [elsewhere];
    assert.equal(await client.fetch(`${application}/`), elsewhere);
    assert.equal((await claimsOf()).iat, 1_700_000_000);
  });

  const led = (url, code) =>
    Object.defineProperties(
      new Response("{}", { status: 401, headers: { "X-Error-Code": code } }),
      { redirected: { value: true }, url: { value: url } },
    );

  test("sends a proof of its own to where a redirect led", async () => {
    const request = new Request(`${application}/a`, { headers: { "X-Own": "1" } });
    for (const input of [`${application}/a`, request]) {
      world = new World();
      client = world.client({ key });
      world.answers = [led(`${application}/b`, "invalid_proof"), challenge({ "DPoP-Nonce": "n" })];
      assert.equal((await client.fetch(input, { headers: { "X-Own": "1" } })).status, 200);
      const claims = world.sent.map(({ proof }) => open(proof).claims);
      assert.deepEqual(
        claims.map(({ htu, nonce }) => [htu, nonce]),
        [
          [`${application}/a`, undefined],
          [`${application}/b`, undefined],
          [`${application}/b`, "n"],
        ],
      );
      assert.deepEqual(
        world.sent.map(({ request: sent }) => [sent.url, sent.headers.get("X-Own")]),
        claims.map(({ htu }) => [htu, "1"]),
      );
    }
  });

  test("follows no redirect for which it is not known what to send", async () => {
    for (const [init, url, code] of [
      [{ method: "POST", body: "x" }, `${application}/b`, "invalid_proof"],
      [{}, "https://other.example/b", "invalid_proof"],
      [{}, "https://other.example/b", "unauthorized"],
      [{}, `${application}/b`, "unauthorized"],
      [{}, `${application}/b`, "forbidden"],
    ]) {
      const answer = led(url, code);
      world.answers = [answer];
      assert.equal(await client.fetch(`${application}/a`, init), answer);
    }
    world.answers = Array.from({ length: 99 }, () => led(`${application}/b`, "invalid_proof"));
    assert.equal((await client.fetch(`${application}/a`)).status, 401);
    assert.equal(world.answers.length, 99 - 21);
  });

  test("without a key makes no proof, and answers no nonce", async () => {
    const bearer = world.client();
    world.answers = [challenge({ "DPoP-Nonce": "n" })];
    assert.equal((await bearer.fetch(`${application}/`)).status, 401);
    assert.deepEqual(Object.keys(await bearer.credentials("GET", application)), ["Authorization"]);
    assert.deepEqual(
      [...world.issued, ...world.sent].map(({ proof }) => proof),
      [null, null],
    );
  });

  test("gives credentials for the application alone", async () => {
    for (const [method, url, htm, htu] of [
      ["GET", "wss://api.example/socket?x#y", "GET", `${application}/socket`],
      ["post", new URL(`${application}/a b`), "POST", `${application}/a%20b`],
    ]) {
      const { Authorization, DPoP, ...others } = await client.credentials(method, url);
      assert.equal(Authorization, "DPoP session.1");
      assert.deepEqual(others, {});
      const { claims } = open(DPoP);
      assert.deepEqual(
        [claims.htm, claims.htu, claims.ath],
        [htm, htu, sha256("session.1")],
      );
    }
    for (const url of ["ws://api.example/", "https://api.example.other.example/", "/", ""]) {
      await assert.rejects(client.credentials("GET", url), TypeError, url);
    }
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await assert.rejects(client.credentials("GET", application, { signal }), reason);
  });

  const good = { kty: "EC", crv: "P-256", x: "A".repeat(43), y: "A".repeat(43) };
  const signing = (jwk, sign) => ({ signer: () => ({ jwk, sign }) });
  const signs = async () => new Uint8Array(64);
  const secret = new Error("x", { cause: "of the key" });
  const failing = {
    rejects: { signer: () => Promise.reject(secret) },
    throws: { signer: () => assert.fail() },
    "never answers": { signer: () => new Promise(() => {}) },
    "is none": { signer: () => undefined },
    "has no public part": signing(undefined, signs),
    "is of another curve": signing({ ...good, crv: "P-384" }, signs),
    "has half a point": signing({ ...good, y: undefined }, signs),
    "has a short coordinate": signing({ ...good, x: "AAAA" }, signs),
    "has a coordinate that is not canonical": signing({ ...good, x: `${"A".repeat(42)}B` }, signs),
    "does not sign": signing(good, () => Promise.reject(secret)),
    "makes signatures of another form": signing(good, async () => new Uint8Array(71)),
    "makes no signatures": signing(good, async () => undefined),
  };
  for (const [name, broken] of Object.entries(failing)) {
    test(`says so if a key ${name}`, async () => {
      const failed = world.client({ key: broken });
      const use = () => failed.fetch(`${application}/`);
      const error = await impatient(machine.storagePatience, use).then(assert.fail, (e) => e);
      assert.ok(error instanceof SessionError, error);
      assert.equal(error.code, "key_unavailable");
      assert.ok(error.cause instanceof Error);
      assert.equal(world.issued.length + world.sent.length, 0);
    });
  }

  test("fails in time if a key never signs", async () => {
    const failed = world.client({ key: signing(good, () => new Promise(() => {})) });
    const error = { code: "timeout" };
    await assert.rejects(
      impatient(10, () => failed.token()),
      error,
    );
  });

  test("uses no key that a sign-out could not forget", async () => {
    await client.fetch(`${application}/`);
    let out = true;
    const stubborn = {
      signer: () => key.signer(),
      forget: () => (out ? Promise.reject(new Error("x")) : key.forget()),
    };
    const storage = inMemory();
    const other = world.client({ key: stubborn, storage });
    await other.token();
    await assert.rejects(other.signOut(), { name: "SessionError", code: "key_unavailable" });
    assert.equal(storage.load(), null, "the session is forgotten all the same");
    const before = world.issued.length;
    for (let i = 0; i < 3; i++) await assert.rejects(other.token(), { code: "key_unavailable" });
    assert.equal(world.issued.length, before);
    out = false;
    await Promise.all([other.token(), other.token(), other.token()]);
    assert.equal(world.issued.length, before + 1);
    const [first, last] = [world.issued[0], world.issued.at(-1)];
    assert.notEqual(JSON.parse(first.body).install_id, JSON.parse(last.body).install_id);
  });

  test("drops what was granted to a key that was replaced meanwhile", async () => {
    const granted = deferred();
    const asked = deferred();
    const storage = inMemory();
    let first = true;
    const fetch = async (input, init) => {
      const answer = await world.fetch(input, init);
      if (!first) return answer;
      first = false;
      asked.resolve();
      await granted.promise;
      return answer;
    };
    const waiting = world.client({ key, storage, fetch }).token();
    await within("the request", asked.promise);
    await key.forget();
    granted.resolve();
    assert.equal(await within("a session", waiting), "session.2");
    assert.match(storage.load(), /session\.2/);
    const ids = world.issued.map(({ body }) => JSON.parse(body).install_id);
    assert.notEqual(ids[0], ids[1]);
    assert.equal(JSON.parse(storage.load()).install_id, ids[1]);
  });

  test("does not save the session of a key that was replaced", async () => {
    const kept = inMemory();
    let out = true;
    const save = (text) => (out ? assert.fail() : kept.save(text));
    client = world.client({ key, storage: { load: kept.load, save, lock: kept.lock } });
    assert.equal(await client.token(), "session.1");
    const other = world.client({ key, storage: kept });
    await other.signOut();
    assert.equal(await other.token(), "session.2");
    out = false;
    assert.equal(await client.token(), "session.2");
    assert.match(kept.load(), /session\.2/);
  });

  test("has no install id beside its key", () => {
    assert.throws(() => world.client({ key, installId: "install-1" }), TypeError);
  });
});

describe("the service", () => {
  let worlds, world;
  before(async () => {
    worlds = await startWorlds();
    const env = { OFFLOAD_SESSION_BINDING: "require" };
    const made = await fetch(worlds.worlds, { method: "POST", body: JSON.stringify({ env }) });
    world = await made.json();
    machine.wall = () => world.now;
  });
  after(() => {
    machine.wall = () => Date.now() / 1000;
    worlds.end();
  });

  const clientOf = (options) =>
    new SessionClient({
      sessions: world.sessions,
      application: world.application,
      appVersion: "1.0",
      platform: "test",
      ...options,
    });

  test("rejects a proof that was captured and is sent again", async () => {
    let captured;
    const capture = (input, init) => {
      captured = [input, { ...init, signal: undefined }];
      return fetch(input, init);
    };
    await clientOf({ key: memoryKey(), fetch: capture }).token();
    const answer = await fetch(...captured);
    assert.equal(answer.status, 401);
    assert.equal(answer.headers.get("X-Error-Code"), "invalid_proof");
  });

  test("rejects credentials for another method, URL or session", async () => {
    const client = clientOf({ key: memoryKey() });
    const url = `${world.application}/echo`;
    const headers = await client.credentials("GET", url);
    const code = async (...request) => {
      const answer = await fetch(...request);
      return answer.ok ? "" : answer.headers.get("X-Error-Code");
    };
    assert.equal(await code(url, { headers }), "");
    assert.equal(await code(url, { method: "POST", headers }), "invalid_proof");
    assert.equal(await code(`${url}/other`, { headers }), "invalid_proof");
    const others = await clientOf({ key: memoryKey() }).credentials("GET", url);
    const mixed = { Authorization: headers.Authorization, DPoP: others.DPoP };
    assert.match(await code(url, { headers: mixed }), /^invalid_(proof|token)$/);
    const bearer = headers.Authorization.replace("DPoP", "Bearer");
    assert.equal(await code(url, { headers: { Authorization: bearer } }), "invalid_token");
  });

  test("accepts an Ed25519 key of the app's own", async () => {
    const pair = await webcrypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
    const jwk = await webcrypto.subtle.exportKey("jwk", pair.publicKey);
    const sign = (message) => webcrypto.subtle.sign("Ed25519", pair.privateKey, message);
    const client = clientOf({ key: { signer: () => ({ jwk, sign }), forget: () => {} } });
    const answer = await client.fetch(`${world.application}/echo`);
    assert.equal((await answer.json()).binding, "key");
  });
});

function deferred() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}
