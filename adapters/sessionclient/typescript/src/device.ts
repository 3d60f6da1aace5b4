import { SessionError } from "./errors.ts";
import type { DeviceKey, DevicePublicKey, DeviceSigner } from "./key.ts";
import { Patience } from "./patience.ts";
import { base64url, digest } from "./web_crypto.ts";

/** What a proof says (RFC 9449, 4.2). */
export interface Claims {
  readonly method: string;
  readonly url: URL;
  /** Seconds since 1970. */
  readonly at: number;
  readonly token: string | undefined;
  readonly nonce: string | undefined;
}

/** A key as it is used: for proofs. */
export class Device {
  /** The thumbprint of the key (RFC 7638). */
  readonly installId: string;
  readonly #sign: DeviceSigner["sign"];
  /** The first segment of each proof, and what the thumbprint is of. */
  readonly #header: string;
  readonly #members: string;

  private constructor(installId: string, header: string, members: string, signer: DeviceSigner) {
    this.installId = installId;
    this.#header = header;
    this.#members = members;
    this.#sign = (message) => signer.sign(message);
  }

  /** Makes one. The device that was made last saves the work if its key is the same. */
  static async of(signer: DeviceSigner, last: Device | undefined): Promise<Device> {
    const [algorithm, jwk] = requiredMembers(signer.jwk);
    const members = JSON.stringify(jwk);
    if (last !== undefined && last.#members === members) {
      return new Device(last.installId, last.#header, members, signer);
    }
    const header = segment({ typ: "dpop+jwt", alg: algorithm, jwk });
    return new Device(await digest(members), header, members, signer);
  }

  /** Returns a proof, which is good for one request. */
  async prove({ method, url, at, token, nonce }: Claims): Promise<string> {
    try {
      const claims = segment({
        jti: base64url(crypto.getRandomValues(new Uint8Array(16))),
        htm: method,
        htu: url.origin + url.pathname,
        iat: at,
        ath: token === undefined ? undefined : await digest(token),
        nonce,
      });
      const message = `${this.#header}.${claims}`;
      const signature = await this.#sign(new TextEncoder().encode(message));
      if (signature.byteLength !== 64) throw new Error("the signature is not 64 bytes long");
      return `${message}.${base64url(signature)}`;
    } catch (cause) {
      throw new SessionError("key_unavailable", { cause });
    }
  }
}

/** Uses the key of the app. Every failure is a SessionError. */
export class Devices {
  readonly #key: DeviceKey;
  readonly #patience = new Patience("the key");
  #last: Device | undefined;
  /** Whether a sign-out has not had the key forgotten yet: it must not be used. */
  #owed = false;
  #forgetting: Promise<void> | undefined;

  constructor(key: DeviceKey) {
    this.#key = key;
  }

  /** Returns the key as it is now: another tab may have had it forgotten. */
  async load(): Promise<Device> {
    if (this.#owed) await this.forget();
    return this.#do(async () => {
      const signer = await this.#patience.wait(() => this.#key.signer());
      return (this.#last = await Device.of(signer, this.#last));
    });
  }

  /** Forgets the key. Until that has succeeded, each load tries it again. */
  forget(): Promise<void> {
    this.#owed = true;
    this.#last = undefined;
    this.#forgetting ??= this.#do(async () => {
      await this.#patience.wait(() => this.#key.forget());
      this.#owed = false;
    }).finally(() => {
      this.#forgetting = undefined;
    });
    return this.#forgetting;
  }

  async #do<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      throw new SessionError("key_unavailable", { cause });
    }
  }
}

/** Reports whether a text is 32 bytes in base64url: a thumbprint, or a coordinate. */
export function is32Bytes(text: string | undefined): boolean {
  return text !== undefined && /^[\w-]{42}[AEIMQUYcgkosw048]$/.test(text);
}

/** Returns the algorithm of a key, and its required members in the order of a thumbprint. */
function requiredMembers(key: DevicePublicKey): [string, DevicePublicKey] {
  const { kty, crv, x } = key;
  if (kty === "EC" && crv === "P-256" && is32Bytes(x) && is32Bytes(key.y)) {
    return ["ES256", { crv, kty, x, y: key.y }];
  }
  if (kty === "OKP" && crv === "Ed25519" && is32Bytes(x)) return ["EdDSA", { crv, kty, x }];
  throw new Error("not a P-256 or Ed25519 key");
}

function segment(value: object): string {
  return base64url(new TextEncoder().encode(JSON.stringify(value)));
}
