/** The public part of a key, as a JWK: on P-256 (ES256), or for Ed25519 (EdDSA). */
export type DevicePublicKey =
  | { readonly kty: "EC"; readonly crv: "P-256"; readonly x: string; readonly y: string }
  | { readonly kty: "OKP"; readonly crv: "Ed25519"; readonly x: string };

/** A key, ready to sign. */
export interface DeviceSigner {
  readonly jwk: DevicePublicKey;
  /** Signs a message, as WebCrypto does: 64 bytes, for P-256 over the SHA-256 of the message. */
  sign(message: Uint8Array): Promise<ArrayBuffer | Uint8Array>;
}

/**
 * The key of a device, to which sessions are bound: they are of no use without it. It is the
 * identity of the installation too, whose install id is the thumbprint of the public key.
 */
export interface DeviceKey {
  /**
   * Returns the key, and makes one if there is none. It is called before each use, so that a key
   * which another tab has forgotten is not used again.
   */
  signer(): DeviceSigner | Promise<DeviceSigner>;
  /** Forgets the key: the next signer is another one. */
  forget(): void | Promise<void>;
}
