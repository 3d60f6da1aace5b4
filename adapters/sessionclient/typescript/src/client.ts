import { firstOf } from "./answer.ts";
import { Call } from "./call.ts";
import { baseURL, originOf } from "./origins.ts";
import { outgoing } from "./outgoing.ts";
import { Service } from "./service.ts";
import { type Refusal, Source } from "./source.ts";
import { type ClientStorage, inMemory } from "./storage.ts";
import { Vault } from "./vault.ts";

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
  /** The id of this installation. Default: one that the client creates and keeps in the storage. */
  readonly installId?: string | undefined;
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
    const service = new Service(
      sessions,
      options.appVersion,
      options.platform,
      timeout,
      this.#transport,
    );
    this.#source = new Source(new Vault(options.storage ?? inMemory(), options.installId), service);
  }

  /**
   * Sends a request as the platform's fetch does. A request to the application gets the session,
   * unless it has an Authorization header; if the application refuses the session, it is sent again
   * with a new one, provided that its body can be sent again. Rejects with a {@link SessionError}
   * if there is no session. It needs no `this`.
   */
  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const request = outgoing(input, init);
    const origin = originOf(request.address);
    if (origin === undefined || !this.#origins.has(origin) || request.authorized) {
      return this.#transport(input, init);
    }
    try {
      const call = new Call(this.#maxWait, request.signal);
      for (const handled = new Set<Refusal>(); ;) {
        const token = await this.#source.obtain(call, !request.replayable);
        const response = await request.send(this.#transport, token);
        const why = this.#refusal(response);
        if (why === undefined || handled.has(why)) return response;
        const again = await this.#source.refused(call, token, why);
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
   * {@link SessionError} if there is no session.
   */
  async token(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<string> {
    return this.#source.obtain(new Call(this.#maxWait, options.signal), true);
  }

  /** Forgets the session and the install id that the client created, in the storage too. */
  signOut(): Promise<void> {
    return this.#source.signOut();
  }

  /** Returns why the application refused the session, if it did so. */
  #refusal(response: Response): Refusal | undefined {
    if (response.status !== 401) return undefined;
    // After a redirect, another server may have answered, which did not get the session.
    if (response.redirected && !this.#origins.has(originOf(response.url) ?? "")) return undefined;
    const code = firstOf(response.headers, "X-Error-Code") || codeOfChallenge(response.headers);
    return code === "expired_token" || code === "invalid_token" ? code : undefined;
  }
}

/** Returns what a challenge says in place of an error code that a proxy dropped. */
function codeOfChallenge(headers: Headers): Refusal | undefined {
  // A parameter (RFC 9110, 11.2). What stands in a quoted string is none.
  const parameter = /([\w-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)/g;
  const found = (headers.get("WWW-Authenticate") ?? "").matchAll(parameter);
  const has = new Set(
    Array.from(
      found,
      ([, name = "", value = ""]) => `${name.toLowerCase()}=${value.replace(/^"+|"+$/g, "")}`,
    ),
  );
  if (!has.has("error=invalid_token")) return undefined;
  return has.has("error_description=expired") ? "expired_token" : "invalid_token";
}

/** Checks a number of seconds. Timers hold no more than 24 days. */
function seconds(name: string, value: number): number {
  if (value > 0 && value <= 86400) return value;
  throw new RangeError(`${name}: ${value} is not within 0 and 86400`);
}
