export { SessionClient, type SessionClientOptions } from "./client.ts";
export { type ErrorDetail, SessionError } from "./errors.ts";
export { browserKey } from "./browser_key.ts";
export { type DeviceKey, type DevicePublicKey, type DeviceSigner } from "./key.ts";
export { memoryKey } from "./memory_key.ts";
export { inIndexedDB, inLocalStorage } from "./browser_storage.ts";
export { type ClientStorage, inMemory } from "./storage.ts";
