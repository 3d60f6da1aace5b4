export { SessionClient, type SessionClientOptions } from "./client.ts";
export { type ErrorDetail, SessionError } from "./errors.ts";
export { inIndexedDB, inLocalStorage } from "./browser_storage.ts";
export { type ClientStorage, inMemory } from "./storage.ts";
