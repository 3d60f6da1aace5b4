import { Database } from "./database.ts";
import type { DeviceKey } from "./key.ts";
import { createPair, type Pair, signerOf } from "./web_crypto.ts";

/**
 * Keeps a key in a database of IndexedDB, which all tabs and workers of one origin share. No script
 * can export it, nor this package. The name is a part of that of the database. It needs a page of
 * https or of localhost.
 *
 * If the database fails, so does what needs the key: it is not replaced by itself.
 */
export function browserKey(name: string = "session"): DeviceKey {
  const pairs = new Database(`sessionclient-key:${name}`, "keys");
  return {
    signer: async () => {
      const kept = await pairs.run("readonly", (store) => store.get("key"));
      return signerOf(read(kept ?? (await keep(pairs, await createPair()))));
    },
    forget: async () => {
      await pairs.run("readwrite", (store) => store.delete("key"));
    },
  };
}

/**
 * Keeps a pair unless another tab has kept one meanwhile, and returns what is kept. One transaction
 * does both, so that tabs that start at the same moment get the same key.
 */
async function keep(pairs: Database, made: Pair): Promise<unknown> {
  let kept: unknown = made;
  await pairs.run("readwrite", (store) => {
    const found = store.get("key");
    found.onsuccess = () => {
      if (found.result === undefined) store.put(made, "key");
      else kept = found.result;
    };
    return found;
  });
  return kept;
}

/** Reads what is kept. Something else stays as it is: it may be the key of another version. */
function read(kept: unknown): Pair {
  const { privateKey, jwk } = (kept ?? {}) as Partial<Pair>;
  if (!(privateKey instanceof CryptoKey) || jwk === undefined) {
    throw new Error("the database does not hold a key");
  }
  return { privateKey, jwk };
}
