import { type Grant, readGrant } from "./answer.ts";
import { nonceOf, refusalOf } from "./challenge.ts";
import type { ProofClock } from "./clock.ts";
import { SessionError } from "./errors.ts";
import { machine } from "./machine.ts";
import { headersOf, type Pass } from "./pass.ts";

/**
 * Returns what an error and its causes say. Their other members are left out, because those of Node
 * hold a part of the response; and messages with a secret too.
 */
function said(error: unknown, secrets: readonly string[], depth = 3): Error | undefined {
  if (!(error instanceof Error) || depth === 0) return undefined;
  const { name, message } = error;
  if (secrets.some((secret) => message.includes(secret))) return undefined;
  const cause = said(error.cause, secrets, depth - 1);
  return Object.assign(new Error(message, cause && { cause }), { name });
}

/** Reports whether the service wants the proof to name a nonce. */
function asksForNonce(response: Response, error: unknown): boolean {
  // Its code may be in the body alone.
  const codes = [refusalOf(response), error instanceof SessionError ? error.code : undefined];
  return response.status === 401 && codes.includes("proof_nonce_required");
}

/** The service that grants sessions. */
export class Service {
  /** The seconds that one exchange may take. */
  readonly timeout: number;
  readonly #address: URL;
  readonly #members: { app_version: string; platform: string };
  readonly #fetch: typeof globalThis.fetch;
  readonly #clock: ProofClock;

  constructor(
    base: URL,
    appVersion: string,
    platform: string,
    timeout: number,
    fetch: typeof globalThis.fetch,
    clock: ProofClock,
  ) {
    this.#address = new URL(`${base.href.replace(/\/$/, "")}/v1/sessions/anonymous`);
    this.#members = { app_version: appVersion, platform };
    this.timeout = timeout;
    this.#fetch = fetch;
    this.#clock = clock;
  }

  /** Requests a session, or renews the given one. Every failure is a SessionError. */
  async exchange(installId: string, pass: Pass): Promise<Grant> {
    const over = new AbortController();
    let cancel = () => {};
    const late = new Promise<never>((_, reject) => {
      cancel = machine.after(this.timeout, () => {
        reject(new SessionError("timeout"));
        over.abort();
      });
    });
    try {
      return await Promise.race([this.#ask(installId, pass, over.signal), late]);
    } catch (cause) {
      if (cause instanceof SessionError) throw cause;
      throw new SessionError("unreachable", {
        cause: said(cause, [installId, pass.token ?? installId]),
      });
    } finally {
      cancel();
    }
  }

  /** Asks, and once more if the service wants the proof to name a nonce. */
  async #ask(installId: string, pass: Pass, signal: AbortSignal): Promise<Grant> {
    for (let nonce: string | undefined; ;) {
      const response = await this.#send(installId, pass, nonce, signal);
      try {
        return await readGrant(response);
      } catch (error) {
        if (pass.device === undefined || !asksForNonce(response, error)) throw error;
        this.#clock.correct(response.headers);
        const next = nonceOf(response.headers);
        if (next === undefined || nonce !== undefined) throw error;
        nonce = next;
      }
    }
  }

  async #send(
    installId: string,
    pass: Pass,
    nonce: string | undefined,
    signal: AbortSignal,
  ): Promise<Response> {
    const target = { method: "POST", url: this.#address, nonce };
    return this.#fetch(this.#address.href, {
      method: target.method,
      headers: {
        "Content-Type": "application/json",
        ...(await headersOf(pass, target, this.#clock)),
      },
      body: JSON.stringify({ install_id: installId, ...this.#members }),
      signal,
      cache: "no-store",
      credentials: "omit",
      redirect: "manual",
    });
  }
}
