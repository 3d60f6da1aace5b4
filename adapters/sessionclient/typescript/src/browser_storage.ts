import { leased, lingering, sharedLock } from "./locks.ts";
import type { ClientStorage } from "./storage.ts";

const prefix = "sessionclient:";

/**
 * Keeps the session in localStorage, which all tabs of one origin share. What one tab saves, others
 * may see some milliseconds later. The name is that of the item.
 */
export function inLocalStorage(name: string = "session"): ClientStorage {
  const item = prefix + name;
  // localStorage is looked up each time: where it is missing or forbidden, the client goes on in
  // memory.
  const put = (key: string, text: string | null) =>
    text === null ? localStorage.removeItem(key) : localStorage.setItem(key, text);
  const lease = `${item}:lock`;
  return {
    load: () => localStorage.getItem(item),
    save: (text) => put(item, text),
    lock: lingering(
      sharedLock(
        item,
        leased({ get: () => localStorage.getItem(lease), set: (text) => put(lease, text) }),
      ),
    ),
  };
}

/**
 * Keeps the session in a database of IndexedDB, which all tabs and workers of one origin share. The
 * name is that of the database. Without Web Locks, two tabs may obtain a session each at first.
 */
export function inIndexedDB(name: string = "session"): ClientStorage {
  const database = prefix + name;
  let opened: Promise<IDBDatabase> | undefined;

  /** Runs one request in a transaction of its own, on a connection that is kept. */
  async function run(
    mode: IDBTransactionMode,
    ask: (texts: IDBObjectStore) => IDBRequest,
  ): Promise<unknown> {
    opened ??= open(database, () => (opened = undefined));
    const connection = await opened;
    return new Promise((resolve, reject) => {
      try {
        const transaction = connection.transaction("texts", mode);
        const request = ask(transaction.objectStore("texts"));
        transaction.oncomplete = () => resolve(request.result);
        transaction.onerror = transaction.onabort = () => reject(transaction.error);
      } catch (error) {
        opened = undefined; // the browser has closed the connection
        reject(error);
      }
    });
  }

  return {
    load: async () => {
      const text = await run("readonly", (texts) => texts.get("session"));
      return typeof text === "string" ? text : null;
    },
    save: async (text) => {
      await run("readwrite", (texts) =>
        text === null ? texts.delete("session") : texts.put(text, "session"),
      );
    },
    lock: sharedLock(database),
  };
}

/** Opens a database. Calls closed when the connection cannot be used any longer. */
function open(database: string, closed: () => void): Promise<IDBDatabase> {
  const opening = new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open(database, 1);
    request.onupgradeneeded = () => request.result.createObjectStore("texts");
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const connection = request.result;
      connection.onclose = closed;
      // Another tab deletes the database.
      connection.onversionchange = () => {
        connection.close();
        closed();
      };
      resolve(connection);
    };
  });
  opening.catch(closed);
  return opening;
}
