// Serves pages with the client in them, and a browser that opens them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { Chromium } from "./chromium.mjs";
import { startWorlds } from "./world.mjs";

/** Starts worlds, the server of one origin, and a browser. Returns them, and how to end them. */
export async function startPages() {
  const world = await startWorlds();
  const server = serve(world.worlds);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const browser = new Chromium();
  const end = async () => {
    await browser.close();
    server.closeAllConnections();
    server.close();
    world.end();
  };
  return { origin: `http://127.0.0.1:${server.address().port}`, browser, end };
}

/** Serves the pages of one origin, and passes the control of worlds on. */
function serve(worlds) {
  const page = (script) =>
    `<!doctype html><link rel="icon" href="data:,">${script}` +
    `<script type="module" src="/test/page.mjs"></script>`;
  const withoutLocks =
    `<script>Object.defineProperty(Navigator.prototype, "locks", { value: undefined });` +
    `</script>`;
  return createServer((incoming, outgoing) => {
    if (incoming.url.startsWith("/worlds")) {
      const url = new URL(incoming.url, worlds);
      const passed = request(
        url,
        { method: incoming.method, headers: incoming.headers },
        (answer) => {
          outgoing.writeHead(answer.statusCode, answer.headers);
          answer.pipe(outgoing);
        },
      );
      passed.on("error", () => outgoing.destroy());
      incoming.pipe(passed);
    } else if (incoming.url.startsWith("/page")) {
      outgoing.setHeader("Content-Type", "text/html");
      outgoing.end(page(incoming.url.endsWith("?without-locks") ? withoutLocks : ""));
    } else if (/^\/(built|test)\/\w+\.m?js$/.test(incoming.url)) {
      outgoing.setHeader("Content-Type", "text/javascript");
      outgoing.end(readFileSync(new URL(`..${incoming.url}`, import.meta.url)));
    } else {
      outgoing.writeHead(404).end();
    }
  });
}

/** Waits: what one page writes into localStorage, another sees a moment later. */
export async function until(condition) {
  for (const end = Date.now() + 60_000; !(await condition());) {
    assert.ok(Date.now() < end, `timed out: waiting for ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
