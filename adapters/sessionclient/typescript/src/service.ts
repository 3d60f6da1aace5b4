import { type Grant, readGrant } from "./answer.ts";
import { SessionError } from "./errors.ts";
import { machine } from "./machine.ts";

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
      throw cause instanceof SessionError ? cause : new SessionError("unreachable", { cause });
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
