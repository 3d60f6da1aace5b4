// Runs cases of ../../testdata/cases.json. It needs nothing of Node: it runs in Deno and in a page
// too.

const patience = 60_000; // for everything that a test waits for, in milliseconds

/** A clock and sleeps that the test moves. Deadlines of exchanges stay real. */
class Clock {
  #time = 1000;
  /** The clock of the device, in seconds since 1970. */
  wall = 0;
  #sleepers = new Set();

  constructor(machine) {
    machine.now = () => this.#time;
    machine.wall = () => this.wall;
    machine.random = () => 0.5;
    machine.storagePatience = 60;
    machine.sleep = (seconds, signal) =>
      new Promise((resolve) => {
        const sleeper = { until: this.#time + seconds, resolve };
        this.#sleepers.add(sleeper);
        signal.addEventListener("abort", () => this.#sleepers.delete(sleeper) && resolve());
      });
  }

  get sleeping() {
    return this.#sleepers.size;
  }

  advance(seconds) {
    this.#time += seconds;
    this.wall += seconds;
    for (const sleeper of this.#sleepers) {
      if (sleeper.until <= this.#time && this.#sleepers.delete(sleeper)) sleeper.resolve();
    }
  }
}

/**
 * The storage of one client: shared with others, and it knows whether an issuance is on its way.
 */
class Watched {
  busy = 0;

  constructor(shared) {
    this.shared = shared;
  }

  load() {
    if (this.shared.fails) throw new Error("the storage fails");
    return this.shared.storage.load();
  }

  save(text) {
    if (this.shared.fails) throw new Error("the storage fails");
    return this.shared.storage.save(text);
  }

  async lock(work) {
    this.busy++;
    try {
      await this.shared.storage.lock(work);
    } finally {
      this.busy--;
    }
  }
}

/** Checks that the members of a value are as expected, each exactly. */
function check(got, expected, what) {
  for (const [name, value] of Object.entries(expected)) {
    if (JSON.stringify(got[name]) !== JSON.stringify(value)) {
      throw new Error(
        `${what}: ${name} is ${JSON.stringify(got[name])}, not ${JSON.stringify(value)}`,
      );
    }
  }
}

async function until(what, condition) {
  const end = performance.now() + patience;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`timed out: waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export class Case {
  #clients = new Map();
  #storages = new Map();
  #keys = new Map();
  #begun = new Map();

  /**
   * package: what the module exports. machine: its hooks. storage, key: make one for a name.
   * worlds: the URL that starts a world.
   */
  constructor({ exports, machine, storage, key, worlds }) {
    Object.assign(this, { exports, storage, key, worlds });
    this.clock = new Clock(machine);
  }

  async run({ env = {}, steps }) {
    this.enter(await this.post(this.worlds, { env }));
    try {
      for (const [i, step] of steps.entries()) {
        try {
          await this.step(step);
        } catch (error) {
          throw new Error(`step ${i}, ${JSON.stringify(step).slice(0, 300)}: ${error.message}`, {
            cause: error,
          });
        }
      }
    } finally {
      await fetch(this.world.control, { method: "DELETE" });
    }
  }

  /** Uses a world, and the time that it is there. */
  enter(world) {
    this.world = world;
    this.clock.wall = world.now;
  }

  async post(url, body) {
    const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${url}: ${await response.text()}`);
    return response.json();
  }

  async seen() {
    return (await fetch(`${this.world.control}/seen`)).json();
  }

  async step(step) {
    const [verb, ...others] = Object.keys(step).filter((name) => name !== "expect");
    if (others.length > 0 || this[`do_${verb}`] === undefined) throw new Error("unknown verb");
    await this[`do_${verb}`](step[verb], step.expect);
  }

  options(given) {
    return {
      sessions: this.world.sessions,
      application: this.world.application,
      appVersion: "1.0",
      platform: "test",
      timeoutSeconds: 60,
      ...given,
    };
  }

  shared(name) {
    if (!this.#storages.has(name))
      this.#storages.set(name, { storage: this.storage(name), fails: false });
    return this.#storages.get(name);
  }

  keyOf(name) {
    if (name !== undefined && !this.#keys.has(name)) this.#keys.set(name, this.key(name));
    return this.#keys.get(name);
  }

  do_client({ as, storage, key, max_wait, timeout, install_id, app_version, ...unknown }) {
    if (Object.keys(unknown).length > 0) throw new Error("unknown member");
    const watched = new Watched(this.shared(storage));
    const given = {
      maxWaitSeconds: max_wait,
      timeoutSeconds: timeout,
      installId: install_id,
      appVersion: app_version,
      key: this.keyOf(key),
    };
    for (const name of Object.keys(given)) if (given[name] === undefined) delete given[name];
    const client = new this.exports.SessionClient(this.options({ ...given, storage: watched }));
    this.#clients.set(as, { client, watched });
  }

  do_refused({ key, install_id, ...given }) {
    const more = { key: this.keyOf(key), installId: install_id };
    try {
      new this.exports.SessionClient(this.options({ ...given, ...more }));
    } catch (error) {
      if (error instanceof TypeError) return;
    }
    throw new Error("was accepted");
  }

  do_begin({ as, client, method, path, body, stream, headers = {}, times = 1 }) {
    const elsewhere = this.world.application.replace("127.0.0.1", "localhost");
    const target = path
      .replace("{application}", this.world.application)
      .replace("{elsewhere}", elsewhere);
    const url = /^https?:/.test(target) ? target : this.world.application + target;
    const given = new AbortController();
    const results = Array.from({ length: times }, () => {
      const init = { method, headers, signal: given.signal };
      // Otherwise browsers send requests for one address one after another, because of their cache.
      if (globalThis.document) init.cache = "no-store";
      if (body !== undefined) init.body = body;
      if (stream) Object.assign(init, { body: new Blob([body]).stream(), duplex: "half" });
      return this.outcome(() => this.#clients.get(client).client.fetch(url, init));
    });
    this.#begun.set(as, { given, results });
  }

  async do_finish(as, expected) {
    const { results } = this.#begun.get(as);
    let all;
    Promise.all(results).then((done) => (all = done));
    await until(`the end of ${as}`, () => all);
    for (const result of all) this.compare(result, expected);
  }

  async do_request(given, expected) {
    this.do_begin({ ...given, as: "" });
    await this.do_finish("", expected);
  }

  async do_token(client, expected) {
    const result = await this.outcome(() => this.#clients.get(client).client.token());
    this.compare(typeof result === "string" ? { token: result !== "" } : result, expected);
  }

  /** Sends a request with the headers that a client gives for it. */
  async do_credentials({ client, method, path }, expected) {
    const url = this.world.application + path;
    const result = await this.outcome(async () => {
      const headers = await this.#clients.get(client).client.credentials(method, url);
      return fetch(url, { method, headers });
    });
    this.compare(result, expected);
  }

  /** Runs a call, and describes a response or an error. */
  async outcome(call) {
    try {
      const result = await call();
      if (!(result instanceof Response)) return result;
      const text = await result.text();
      return { status: result.status, body: text.startsWith("{") ? JSON.parse(text) : undefined };
    } catch (error) {
      if (error.name === "AbortError") return { error: "cancelled" };
      if (!(error instanceof this.exports.SessionError)) throw error;
      const { code, status, details, retryAfterSeconds, requestId } = error;
      return {
        error: code,
        status,
        details,
        retry_after: retryAfterSeconds,
        request_id: requestId,
      };
    }
  }

  compare(got, { body, ...expected }) {
    // Browsers do not say which redirect it was.
    if (globalThis.document && expected.status === 302) delete expected.status;
    if (expected.error === undefined && got.error !== undefined) expected.error = undefined;
    check(got, expected, "the outcome");
    if (body !== undefined) check(got.body ?? {}, body, "the body");
  }

  do_cancel(as) {
    this.#begun.get(as).given.abort();
  }

  async do_sign_out(client, expect) {
    const error = await this.#clients.get(client).client.signOut().catch((error) => error);
    if (expect?.error === "storage" ? error?.name !== "Error" : error !== undefined) {
      throw error ?? new Error("the storage was not reported");
    }
  }

  async do_advance(seconds) {
    await this.post(`${this.world.control}/advance`, { seconds });
    this.clock.advance(seconds);
  }

  do_device_clock(seconds) {
    this.clock.wall += seconds;
  }

  async do_answers(answers) {
    await this.post(`${this.world.control}/answers`, answers);
  }

  async do_release() {
    await this.post(`${this.world.control}/release`, {});
  }

  async do_seen(expected) {
    check(await this.seen(), expected, "seen");
  }

  async do_await({ idle, sleeping, ...counts }) {
    if (idle !== undefined)
      await until(`${idle} to be idle`, () => this.#clients.get(idle).watched.busy === 0);
    if (sleeping !== undefined)
      await until(`${sleeping} asleep`, () => this.clock.sleeping >= sleeping);
    for (const [name, least] of Object.entries(counts)) {
      await until(`${least} ${name}`, async () => (await this.seen())[name] >= least);
    }
  }

  async do_stored({ storage, text }) {
    await this.shared(storage).storage.save(text);
  }

  do_storage_fails(storage) {
    this.shared(storage).fails = true;
  }

  async do_holds({ storage, token, install_id }) {
    const text = await this.shared(storage).storage.load();
    const kept = text === null ? {} : JSON.parse(text);
    check(
      { token: kept.session_token !== undefined, install_id: kept.install_id !== undefined },
      { token, install_id },
      "the storage",
    );
  }
}
