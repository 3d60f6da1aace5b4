// Runs the client in real pages: the table of cases, and two tabs that share one storage.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { startPages, until } from "./pages.mjs";

const { cases } = JSON.parse(readFileSync(process.env["SESSIONCLIENT_CASES"], "utf8"));
// Browsers send streams over HTTP/2 only, which needs TLS; and they repeat by themselves what was
// sent on a connection that closed.
const relevant = cases.filter((each) => !/"(stream|close)":true/.test(JSON.stringify(each)));
const kinds = ["inLocalStorage", "inIndexedDB"];

describe("in a browser", () => {
  let pages, origin, browser;

  before(async () => {
    pages = await startPages();
    ({ origin, browser } = pages);
  });
  after(() => pages.end());

  for (const kind of kinds) {
    describe(kind, () => {
      let page;
      before(async () => {
        page = await browser.open(`${origin}/page`);
      });
      assert.notEqual(relevant.length, 0);
      for (const each of relevant) test(each.name, () => page.call("runCase", kind, each));
    });
  }

  const tabs = [...kinds.map((kind) => [kind, "/page"]), ["inLocalStorage", "/page?without-locks"]];
  for (const [kind, path] of tabs) {
    test(`two tabs share one session: ${kind}, ${path}`, async () => {
      const started = await fetch(`${origin}/worlds`, {
        method: "POST",
        body: JSON.stringify({ env: { OFFLOAD_SESSION_TTL_SECONDS: "100" } }),
      });
      const shared = await started.json();
      const [first, second] = await Promise.all([
        browser.open(origin + path),
        browser.open(origin + path),
      ]);
      for (const tab of [first, second]) {
        await tab.call("join", kind, shared);
        await tab.call("step", { client: { as: "a", storage: "s" } });
        await tab.call("step", { sign_out: "a" });
      }
      const seen = async () => (await fetch(`${shared.control}/seen`)).json();
      const step = (tab, step) => tab.call("step", step);
      const echo = { client: "a", path: "/echo" };
      const ok = { status: 200 };

      // They make one issuance.
      await step(first, { answers: { sessions: [{ hold: true }] } });
      await step(first, { begin: { as: "r", ...echo } });
      await step(first, { await: { held: 1 } });
      if (path !== "/page") await until(() => second.call("sees", "sessionclient:tabs/s:lock"));
      await step(second, { begin: { as: "r", ...echo } });
      if (path === "/page") await until(() => first.call("queues"));
      await step(first, { release: true });
      await step(first, { finish: "r", expect: ok });
      await step(second, { finish: "r", expect: ok });
      await step(first, { seen: { issued: 1, session_requests: 1, tokens: 1 } });

      // A renewal in the first is adopted by the second, which is not due to renew: its clock
      // stands.
      await step(first, { advance: 91 });
      await step(first, { request: echo, expect: ok });
      await step(first, { await: { renewed: 1 } });
      await step(first, { await: { idle: "a" } });
      await until(async () => {
        await step(second, { request: echo, expect: ok });
        return (await seen()).tokens === 2;
      });
      await step(first, { seen: { renewed: 1, session_requests: 2 } });

      // A sign-out in the second is noticed by the first, and the second adopts the session of the
      // first.
      await step(second, { sign_out: "a" });
      await until(async () => {
        await step(first, { request: echo, expect: ok });
        return (await seen()).issued === 2;
      });
      await step(first, { await: { idle: "a" } });
      await step(second, { request: echo, expect: ok });
      await step(first, { seen: { issued: 2, session_requests: 3, tokens: 3 } });
    });
  }
});
