import { Database } from "./database.ts";
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
  const texts = new Database(database, "texts");
  return {
    load: async () => {
      const text = await texts.run("readonly", (store) => store.get("session"));
      return typeof text === "string" ? text : null;
    },
    save: async (text) => {
      await texts.run("readwrite", (store) =>
        text === null ? store.delete("session") : store.put(text, "session"),
      );
    },
    lock: sharedLock(database),
  };
}
