import type { ProofClock } from "./clock.ts";
import type { Device } from "./device.ts";

/** A session to send, and the key that it is bound to. */
export interface Pass {
  /** Undefined in a request for the first session. */
  readonly token: string | undefined;
  readonly device: Device | undefined;
}

/** The request that a pass is sent with. */
export interface Target {
  readonly method: string;
  readonly url: URL;
  /** What a server asked the proof to name. */
  readonly nonce?: string | undefined;
}

/** Returns the headers that take a pass to a server, with a fresh proof. */
export async function headersOf(
  { token, device }: Pass,
  { method, url, nonce }: Target,
  clock: ProofClock,
): Promise<Record<string, string>> {
  const scheme = device === undefined ? "Bearer" : "DPoP";
  const headers: Record<string, string> = {};
  if (token !== undefined) headers["Authorization"] = `${scheme} ${token}`;
  if (device !== undefined) {
    headers["DPoP"] = await device.prove({ method, url, at: clock.now(), token, nonce });
  }
  return headers;
}

/** Returns a method as fetch sends it. */
export function methodAsSent(method: string): string {
  return new Request("http://localhost/", { method }).method;
}
