import { firstOf } from "./answer.ts";
import { Call } from "./call.ts";
import { nonceOf, type Refusal, refusalOf } from "./challenge.ts";
import { ProofClock } from "./clock.ts";
import { Devices } from "./device.ts";
import type { DeviceKey } from "./key.ts";
import { baseURL, urlOf } from "./origins.ts";
import { type Outgoing, outgoing } from "./outgoing.ts";
import { headersOf, methodAsSent } from "./pass.ts";
import { Service } from "./service.ts";
import { Source } from "./source.ts";
import { type ClientStorage, inMemory } from "./storage.ts";
import { isInstallId, Vault } from "./vault.ts";

/** How many redirects one request follows for which it is sent again. */
const maxHops = 20;

/** What a {@link SessionClient} is made from. */
export interface SessionClientOptions {
  /** The base URL of the service that issues sessions. */
  readonly sessions: string | URL;
  /** Base URLs of the application: the session goes to their origins only. */
  readonly application: string | URL | readonly (string | URL)[];
  /** The version of the app, 1 to 32 characters. */
  readonly appVersion: string;
  /** What the app runs on, 1 to 32 characters. */
  readonly platform: string;
  /** Where the session is kept. Default: {@link inMemory}. */
  readonly storage?: ClientStorage | undefined;
  /**
   * The id of this installation, 8 to 128 characters. Default: one that the client creates and keeps
   * in the storage.
   */
  readonly installId?: string | undefined;
  /**
   * The key that sessions are bound to, so that they are of no use without it. Its thumbprint is
   * the install id. Default: sessions are not bound.
   */
  readonly key?: DeviceKey | undefined;
  /** How long one exchange with the service may take. Default: 10. */
  readonly timeoutSeconds?: number | undefined;
  /** How long one call may wait for a session in all. Default: 150. */
  readonly maxWaitSeconds?: number | undefined;
  /** The fetch that sends the requests. Default: that of the platform. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** Obtains one session, keeps it, renews it, and sends requests with it. */
export class SessionClient {
  readonly #source: Source;
  readonly #clock = new ProofClock();
  readonly #origins: ReadonlySet<string>;
  readonly #transport: typeof globalThis.fetch;
  readonly #maxWait: number;

  /** Throws a TypeError or RangeError if an option is invalid. It sends nothing. */
  constructor(options: SessionClientOptions) {
    const application = [options.application].flat() as (string | URL)[];
    this.#origins = new Set(application.map((url) => baseURL("application", url).origin));
    // The platform's is looked up each time, so that it may be replaced after this.
    this.#transport = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
    this.#maxWait = seconds("maxWaitSeconds", options.maxWaitSeconds ?? 150);
    const timeout = seconds("timeoutSeconds", options.timeoutSeconds ?? 10);
    const sessions = baseURL("sessions", options.sessions);
    const { appVersion, platform, installId, key } = options;
    if (key !== undefined && installId !== undefined) {
      throw new TypeError("installId: with a key, the install id is its thumbprint");
    }
    if (installId !== undefined && !isInstallId(installId)) {
      throw new TypeError("installId: not 8 to 128 characters, blank, or with control characters");
    }
    this.#source = new Source(
      new Vault(options.storage ?? inMemory(), installId),
      new Service(sessions, appVersion, platform, timeout, this.#transport, this.#clock),
      key && new Devices(key),
    );
  }

  /**
   * Sends a request as the platform's fetch does. A request to the application gets the session,
   * unless it has an Authorization header; if the application refuses the session, it is sent again
   * with a new one, provided that its body can be sent again. Rejects with a {@link SessionError}
   * if there is no session. It needs no `this`.
   */
  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const request = outgoing(input, init);
    const url = urlOf(request.address);
    if (url === undefined || !this.#origins.has(url.origin) || request.authorized) {
      return this.#transport(input, init);
    }
    try {
      const call = new Call(this.#maxWait, request.signal);
      let nonce: string | undefined;
      let target = url;
      let hops = 0;
      for (const handled = new Set<Refusal>(); ;) {
        const pass = await this.#source.obtain(call, !request.replayable);
        const method = pass.device === undefined ? "" : request.method();
        const headers = await call.wait(headersOf(pass, { method, url: target, nonce }, this.#clock));
        const at = target === url ? undefined : target.href;
        const response = await request.send(this.#transport, headers, at);
        nonce = undefined;
        const led = this.#ledAstray(response, target, request);
        if (led !== undefined && hops++ < maxHops) {
          target = led;
          response.body?.cancel().catch(() => {});
          continue;
        }
        const why = this.#refusal(response);
        if (why === "proof_nonce_required" && pass.device !== undefined) {
          this.#clock.correct(response.headers);
          nonce = nonceOf(response.headers);
        }
        if (why === undefined || handled.has(why)) return response;
        const again =
          why === "proof_nonce_required"
            ? nonce !== undefined
            : await this.#source.refused(call, pass.token, why);
        if (!again || !request.replayable) return response;
        handled.add(why);
        // Not read: it may have no end. If it is here already, the connection is used again.
        response.body?.cancel().catch(() => {});
      }
    } finally {
      request.discard();
    }
  };

  /**
   * Returns a session token, for what fetch does not send: a WebSocket, an EventSource. The first
   * time after a start it renews a session that was kept, whose age is unknown. Rejects with a
   * {@link SessionError} if there is no session. With a key, it is of no use alone: see
   * {@link credentials}.
   */
  async token(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<string> {
    return (await this.#source.obtain(new Call(this.#maxWait, options.signal), true)).token;
  }

  /**
   * Returns the headers that a request to the application needs, for what fetch does not send:
   * Authorization and, with a key, DPoP. They are good for one request with this method and URL,
   * which is to be sent at once. A WebSocket is opened by a GET, to a URL of ws or wss. Like token,
   * it may renew a session first. Rejects with a TypeError if the URL is not one of the
   * application, or with a {@link SessionError} if there is no session.
   */
  async credentials(
    method: string,
    address: string | URL,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Record<string, string>> {
    const url = urlOf(String(address).replace(/^ws(s?):/i, "http$1:"));
    if (url === undefined || !this.#origins.has(url.origin)) {
      throw new TypeError("credentials: the URL is not one of the application");
    }
    const call = new Call(this.#maxWait, options.signal);
    const pass = await this.#source.obtain(call, true);
    return call.wait(headersOf(pass, { method: methodAsSent(method), url }, this.#clock));
  }

  /**
   * Forgets the session and the install id that the client created, in the storage too, and has the
   * key forgotten. Rejects with a {@link SessionError} if the key cannot be forgotten; the client
   * then makes no use of it, and tries again before each request. Rejects with another Error if the
   * storage fails: the client has forgotten the session even so, and tries with each request to
   * remove it from there.
   */
  signOut(): Promise<void> {
    return this.#source.signOut();
  }

  /**
   * Returns where in the application a redirect led, if the session and the proof were refused
   * because they were not for there: fetch repeats the headers, though not Authorization to another
   * origin. With other methods it may have sent another one than the app's.
   */
  #ledAstray(response: Response, target: URL, request: Outgoing): URL | undefined {
    const led = response.redirected ? urlOf(response.url) : undefined;
    if (response.status !== 401 || led === undefined || !this.#origins.has(led.origin)) return;
    const lost = led.origin === target.origin ? "invalid_proof" : "unauthorized";
    const code = firstOf(response.headers, "X-Error-Code");
    return code === lost && ["GET", "HEAD"].includes(request.method()) ? led : undefined;
  }

  /** Returns why the application refused the session or its proof, if it did so. */
  #refusal(response: Response): Refusal | undefined {
    // After a redirect, another server may have answered, which did not get the session.
    const elsewhere =
      response.redirected && !this.#origins.has(urlOf(response.url)?.origin ?? "");
    return elsewhere ? undefined : refusalOf(response);
  }
}

/** Checks a number of seconds. Timers hold no more than 24 days. */
function seconds(name: string, value: number): number {
  if (value > 0 && value <= 86400) return value;
  throw new RangeError(`${name}: ${value} is not within 0 and 86400`);
}
