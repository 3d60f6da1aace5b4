// What the pages of browser.test.mjs offer to it.
import * as exports from "/built/index.js";
import { machine } from "/built/machine.js";
import { Case } from "/test/table.mjs";

const make = (kind, prefix) =>
  new Case({
    exports,
    machine,
    storage: (name) => exports[kind](`${prefix}/${name}`),
    key: (name) => exports.browserKey(`${kind}/${prefix}/${name}`),
    worlds: "/worlds",
  });

let tab;

/** Runs a case with storages of a kind. */
globalThis.runCase = (kind, each) => make(kind, each.name).run(each);

/** Makes this page one of several in a world. */
globalThis.join = (kind, world) => {
  tab = make(kind, "tabs");
  tab.enter(world);
};
globalThis.step = (step) => tab.step(step);
/** Reports whether a page waits for a Web Lock. */
globalThis.queues = async () => (await navigator.locks.query()).pending.length > 0;
/** Reports whether this page sees an item that another page put into localStorage. */
globalThis.sees = (item) => localStorage.getItem(item) !== null;
/** Moves the clock of this page only: another page has moved that of the world. */
globalThis.advance = (seconds) => tab.clock.advance(seconds);

/** Returns the public keys that the browser keeps under some names, all asked for at once. */
globalThis.keysOf = (names) =>
  Promise.all(names.map(async (name) => (await exports.browserKey(name).signer()).jwk));
globalThis.forget = (name) => exports.browserKey(name).forget();

/** Opens the database of a key, as another script of the page may. */
const openRaw = (name) =>
  new Promise((resolve, reject) => {
    const request = indexedDB.open(`sessionclient-key:${name}`);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
const ended = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** Has WebCrypto export what is kept under a name, and returns the name of the error. */
globalThis.exported = async (name) => {
  const database = await openRaw(name);
  const { privateKey } = await ended(database.transaction("keys").objectStore("keys").get("key"));
  database.close();
  const formats = ["jwk", "pkcs8", "raw"].map((format) =>
    crypto.subtle.exportKey(format, privateKey).catch((error) => error.name),
  );
  return [privateKey.extractable, ...(await Promise.all(formats))];
};

/** Puts something else in the place of a key. */
globalThis.spoil = async (name, value) => {
  const database = await openRaw(name);
  await ended(database.transaction("keys", "readwrite").objectStore("keys").put(value, "key"));
  database.close();
};

/** Deletes the database of a key while this page keeps it open, until the page says so. */
let unblock;
globalThis.block = async (name) => {
  const database = await openRaw(name);
  const request = indexedDB.deleteDatabase(`sessionclient-key:${name}`);
  await new Promise((resolve) => (request.onblocked = resolve));
  unblock = () => database.close();
};
globalThis.unblock = () => unblock();

const failing = (name) => new DOMException("x", name);
const databases = {
  missing: () => undefined,
  forbidden: () => ({
    open: () => {
      throw failing("SecurityError");
    },
  }),
  broken: () => ({
    open: () => {
      const request = { error: failing("UnknownError") };
      queueMicrotask(() => request.onerror());
      return request;
    },
  }),
};
const real = globalThis.indexedDB;
const { put } = IDBObjectStore.prototype;
const { transaction } = IDBDatabase.prototype;

/** Makes databases fail in a way, or no longer. */
globalThis.breakDatabases = (how) => {
  const replaced = databases[how]?.() ?? (how === "missing" ? undefined : real);
  Object.defineProperty(globalThis, "indexedDB", { configurable: true, get: () => replaced });
  IDBObjectStore.prototype.put =
    how === "full"
      ? () => {
          throw failing("QuotaExceededError");
        }
      : put;
};

/** Makes this page lose the connections that it has. */
globalThis.loseConnections = () => {
  const fine = new WeakSet();
  const open = real.open.bind(real);
  IDBFactory.prototype.open = (...values) => {
    const request = open(...values);
    request.addEventListener("success", () => fine.add(request.result));
    return request;
  };
  IDBDatabase.prototype.transaction = function (...values) {
    if (fine.has(this)) return transaction.apply(this, values);
    throw failing("InvalidStateError");
  };
};

/** Sets how long a call of a key may take, in seconds. */
globalThis.setPatience = (seconds) => (machine.storagePatience = seconds);
