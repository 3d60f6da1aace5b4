import type { DevicePublicKey, DeviceSigner } from "./key.ts";

/** A key whose private part only WebCrypto can use. */
export interface Pair {
  readonly jwk: DevicePublicKey;
  readonly privateKey: CryptoKey;
}

/** Creates a P-256 key that cannot be exported. Pages without https have no crypto.subtle. */
export async function createPair(): Promise<Pair> {
  const made = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, [
    "sign",
    "verify",
  ]);
  const { x = "", y = "" } = await crypto.subtle.exportKey("jwk", made.publicKey);
  return { jwk: { kty: "EC", crv: "P-256", x, y }, privateKey: made.privateKey };
}

/** Returns a key, ready to sign. */
export function signerOf({ jwk, privateKey }: Pair): DeviceSigner {
  return {
    jwk,
    sign: (message) =>
      crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, privateKey, message.slice()),
  };
}

/** Returns the SHA-256 of a text, as base64url. */
export async function digest(text: string): Promise<string> {
  return base64url(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

/** Returns bytes as base64url, without padding (RFC 7515, 2). */
export function base64url(bytes: ArrayBuffer | Uint8Array): string {
  const text = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
}
