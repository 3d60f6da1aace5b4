// Opens pages in a headless Chromium, and evaluates expressions in them.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const patience = 120_000; // for one answer of the browser, in milliseconds

export class Chromium {
  #calls = new Map();
  #last = 0;

  constructor() {
    this.home = mkdtempSync(join(tmpdir(), "chromium-"));
    this.process = spawn(
      "chromium",
      [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        // Tabs in the background would run their timers once a second.
        "--disable-background-timer-throttling",
        "--disable-renderer-backgrounding",
        "--disable-background-networking",
        "--remote-debugging-pipe",
        `--user-data-dir=${this.home}`,
        "about:blank",
      ],
      { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] },
    );
    this.process.once("error", (error) => this.#fail(error));
    this.process.once("exit", () => this.#fail(new Error("chromium ended")));
    let text = "";
    this.process.stdio[4].setEncoding("utf8").on("data", (data) => {
      const messages = (text + data).split("\0");
      text = messages.pop();
      messages.forEach((message) => this.#receive(JSON.parse(message)));
    });
  }

  /** Opens a page of its own, as a person opens a tab. */
  async open(url) {
    const { targetId } = await this.call("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.call("Target.attachToTarget", { targetId, flatten: true });
    await this.call("Page.navigate", { url }, sessionId);
    return new Page(this, sessionId);
  }

  call(method, params, sessionId) {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`timed out: ${method}`)), patience);
      this.#calls.set(id, (result, error) => {
        clearTimeout(late);
        error ? reject(error) : resolve(result);
      });
      this.process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  async close() {
    const ended = new Promise((resolve) => this.process.once("close", resolve));
    this.process.kill("SIGKILL");
    await ended;
    // Its processes may write a moment longer.
    for (const end = performance.now() + 60_000; ;) {
      try {
        return rmSync(this.home, { recursive: true, force: true });
      } catch (error) {
        if (performance.now() > end) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  #receive({ id, result, error }) {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    call?.(result, error && new Error(error.message));
  }

  #fail(error) {
    for (const call of this.#calls.values()) call(undefined, error);
    this.#calls.clear();
  }
}

class Page {
  constructor(browser, session) {
    Object.assign(this, { browser, session });
  }

  /** Calls a global function of the page with values of JSON, and returns what its promise has. */
  async call(name, ...values) {
    const expression = `(async () => {
      const end = performance.now() + ${patience};
      while (!globalThis.${name} && performance.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return globalThis.${name}(...${JSON.stringify(values)});
    })()`;
    const given = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.browser.call(
      "Runtime.evaluate",
      given,
      this.session,
    );
    if (exceptionDetails)
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }
}
