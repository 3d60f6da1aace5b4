import { type Grant, readGrant } from "./answer.ts";
import { SessionError } from "./errors.ts";
import { machine } from "./machine.ts";

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

/** The service that grants sessions. */
export class Service {
  /** The seconds that one exchange may take. */
  readonly timeout: number;
  readonly #address: string;
  readonly #members: { app_version: string; platform: string };
  readonly #fetch: typeof globalThis.fetch;

  constructor(
    base: URL,
    appVersion: string,
    platform: string,
    timeout: number,
    fetch: typeof globalThis.fetch,
  ) {
    this.#address = `${base.href.replace(/\/$/, "")}/v1/sessions/anonymous`;
    this.#members = { app_version: appVersion, platform };
    this.timeout = timeout;
    this.#fetch = fetch;
  }

  /** Requests a session, or renews the given one. Every failure is a SessionError. */
  async exchange(installId: string, token: string | undefined): Promise<Grant> {
    const over = new AbortController();
    let cancel = () => {};
    const late = new Promise<never>((_, reject) => {
      cancel = machine.after(this.timeout, () => {
        reject(new SessionError("timeout"));
        over.abort();
      });
    });
    try {
      return await Promise.race([this.#send(installId, token, over.signal), late]);
    } catch (cause) {
      if (cause instanceof SessionError) throw cause;
      throw new SessionError("unreachable", {
        cause: said(cause, [installId, token ?? installId]),
      });
    } finally {
      cancel();
    }
  }

  async #send(installId: string, token: string | undefined, signal: AbortSignal): Promise<Grant> {
    const headers: Record<string, string> = { "Content-Type": "application/json" };
    if (token !== undefined) headers["Authorization"] = `Bearer ${token}`;
    const body = JSON.stringify({ install_id: installId, ...this.#members });
    const response = await this.#fetch(this.#address, {
      method: "POST",
      headers,
      body,
      signal,
      cache: "no-store",
      credentials: "omit",
      redirect: "manual",
    });
    return readGrant(response);
  }
}
