import type { DeviceKey, DeviceSigner } from "./key.ts";
import { createPair, signerOf } from "./web_crypto.ts";

/** Keeps a key until the page or the process ends. It cannot be exported. */
export function memoryKey(): DeviceKey {
  let made: Promise<DeviceSigner> | undefined;
  return {
    signer: () => {
      if (made === undefined) {
        const mine = (made = createPair().then(signerOf));
        mine.catch(() => {
          if (made === mine) made = undefined;
        });
      }
      return made;
    },
    forget: () => {
      made = undefined;
    },
  };
}
