// Tests the keys of pages: tabs that share one, and databases that fail.
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { startPages } from "./pages.mjs";

describe("a key of a browser", () => {
  let pages, world, name;
  let made = 0;
  before(async () => {
    pages = await startPages();
    const env = { OFFLOAD_SESSION_BINDING: "require" };
    const answer = await fetch(`${pages.origin}/worlds`, {
      method: "POST",
      body: JSON.stringify({ env }),
    });
    world = await answer.json();
  });
  after(() => pages.end());
  beforeEach(() => {
    name = `key ${++made}`;
  });

  const open = () => pages.browser.open(`${pages.origin}/page`);
  const echo = { request: { client: "a", path: "/echo" } };
  const ok = { status: 200, body: { binding: "key" } };
  const unavailable = { error: "key_unavailable" };
  const use = (tab, expect) => tab.call("step", { ...echo, expect });

  /** Opens a tab with a client whose key and storage have the name of the test. */
  async function openClient() {
    const tab = await open();
    await tab.call("join", "inIndexedDB", world);
    await tab.call("step", { client: { as: "a", storage: name, key: name } });
    return tab;
  }
  /** The name of the key that such a client has. */
  const ofClient = () => `inIndexedDB/tabs/${name}`;

  test("is one for tabs that start at the same moment", async () => {
    const tabs = await Promise.all([open(), open(), open()]);
    const names = Array.from({ length: 20 }, (_, i) => `${name}, ${i}`);
    const [first, ...others] = await Promise.all(tabs.map((tab) => tab.call("keysOf", names)));
    for (const keys of others) assert.deepEqual(keys, first);
    assert.equal(new Set(first.map(({ x }) => x)).size, names.length);
  });

  test("outlives its page", async () => {
    const first = await (await open()).call("keysOf", [name]);
    const tab = await open();
    assert.deepEqual(await tab.call("keysOf", [name]), first);
    await tab.call("forget", name);
    assert.notDeepEqual(await tab.call("keysOf", [name]), first);
  });

  test("cannot be exported", async () => {
    const tab = await open();
    await tab.call("keysOf", [name]);
    const refused = Array(3).fill("InvalidAccessError");
    assert.deepEqual(await tab.call("exported", name), [false, ...refused]);
  });

  test("that another tab replaces is not used again", async () => {
    const [first, second] = [await openClient(), await openClient()];
    await use(first, ok);
    await use(second, ok);
    const [before] = await first.call("keysOf", [ofClient()]);
    await second.call("step", { sign_out: "a" });
    await use(first, ok);
    await use(second, ok);
    const [now] = await second.call("keysOf", [ofClient()]);
    assert.notDeepEqual(now, before);
  });

  test("whose database another tab deletes is replaced", async () => {
    const [first, second] = [await openClient(), await openClient()];
    await use(first, ok);
    await second.call("block", ofClient());
    await first.call("setPatience", 0.2);
    await use(first, unavailable);
    await second.call("unblock");
    await first.call("setPatience", 60);
    // The call that was given up goes on until the database is deleted.
    for (const end = Date.now() + 60_000; ;) {
      try {
        await use(first, ok);
        break;
      } catch (error) {
        assert.ok(Date.now() < end, `timed out: waiting for the database: ${error}`);
      }
    }
  });

  for (const how of ["missing", "forbidden", "broken", "full"]) {
    test(`is an error while databases are ${how}, and no longer`, async () => {
      const tab = await openClient();
      await tab.call("breakDatabases", how);
      await use(tab, unavailable);
      await use(tab, unavailable);
      await tab.call("breakDatabases", "not at all");
      await use(tab, ok);
    });
  }

  test("is used although the page lost its connections", async () => {
    const tab = await openClient();
    await use(tab, ok);
    const before = await tab.call("keysOf", [ofClient()]);
    await tab.call("loseConnections");
    await use(tab, ok);
    assert.deepEqual(await tab.call("keysOf", [ofClient()]), before);
  });

  for (const value of ["text", {}, { jwk: { kty: "EC" }, privateKey: "text" }]) {
    test(`stays if it is something else, until a sign-out: ${JSON.stringify(value)}`, async () => {
      const tab = await openClient();
      await use(tab, ok);
      await tab.call("spoil", ofClient(), value);
      await use(tab, unavailable);
      await use(tab, unavailable);
      await tab.call("step", { sign_out: "a" });
      await use(tab, ok);
    });
  }

  test("that cannot be forgotten is not used", async () => {
    const tab = await openClient();
    await use(tab, ok);
    const before = await tab.call("keysOf", [ofClient()]);
    await tab.call("breakDatabases", "missing");
    await tab.call("loseConnections");
    await assert.rejects(tab.call("step", { sign_out: "a" }), /key_unavailable/);
    await use(tab, unavailable);
    await tab.call("breakDatabases", "not at all");
    await use(tab, ok);
    assert.notDeepEqual(await tab.call("keysOf", [ofClient()]), before);
  });
});
