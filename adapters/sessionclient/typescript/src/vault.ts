import { isRefreshAfter, isToken, parseObject } from "./answer.ts";
import { is32Bytes } from "./device.ts";
import { machine } from "./machine.ts";
import { Patience } from "./patience.ts";
import type { ClientStorage } from "./storage.ts";

/** What a client keeps. */
export interface Kept {
  readonly installId?: string | undefined;
  readonly token?: string | undefined;
  /** After how many seconds the session was to be renewed when it was granted. */
  readonly refreshAfter?: number | undefined;
}

/** How many saves in sequence a storage may lose before it counts as failing. */
const maxLost = 3;

/**
 * Keeps an installation's id and session in the app's storage, and in memory while that fails. The
 * storage is the truth: another tab may have changed it.
 */
export class Vault {
  readonly #storage: ClientStorage;
  readonly #installId: string | undefined;
  #memory: Kept = {};
  /** Whether the storage does not have what is in memory yet, which therefore counts. */
  #unsaved = false;
  #saving = false;
  #saves = 0;
  /** How many saves in sequence could not be loaded again. */
  #lost = 0;
  readonly #patience = new Patience("the storage");

  /** An install id that is given belongs to the app: it takes the place of the one that is kept. */
  constructor(storage: ClientStorage, installId: string | undefined) {
    this.#storage = storage;
    this.#installId = installId;
  }

  /**
   * Returns what is kept, as far as it can be used. The thumbprint of the key is the install id, if
   * there is one.
   */
  async load(thumbprint: string | undefined): Promise<Kept> {
    const own = thumbprint ?? this.#installId;
    this.#drop(thumbprint);
    if (this.#unsaved) {
      if (!this.#saving) void this.save(this.#memory);
    } else {
      const before = this.#saves;
      try {
        const kept = parseKept(await this.#patience.wait(() => this.#storage.load()));
        // What was saved meanwhile is newer.
        if (this.#saves === before) this.#memory = kept;
      } catch {
        // The storage is out: memory has what was kept last.
      }
    }
    return ours(this.#memory, own);
  }

  /**
   * Keeps something in place of what was kept, in memory in any case; {} forgets everything. Returns
   * the error of the storage, if it fails.
   */
  async save(kept: Kept): Promise<Error | undefined> {
    const mine = ++this.#saves;
    this.#memory = kept;
    this.#unsaved = this.#saving = true;
    const text = kept.installId === undefined ? null : formatKept(kept);
    let failure: Error | undefined;
    try {
      await this.#patience.wait(() => this.#storage.save(text));
      // A storage that loses what it is given must not cause a session for each request. Another
      // tab may have replaced it already, so only several saves in sequence count.
      const loaded = parseKept(await this.#patience.wait(() => this.#storage.load()));
      this.#lost = formatKept(loaded) === formatKept(parseKept(text)) ? 0 : this.#lost + 1;
      if (this.#lost >= maxLost) failure = new Error("the storage loses what is saved");
    } catch (cause) {
      failure = new Error("the storage fails", { cause }); // memory counts until it is back
    }
    if (this.#saves !== mine) return undefined;
    this.#unsaved = failure !== undefined;
    this.#saving = false;
    return failure;
  }

  /**
   * Runs work under the lock of the storage, or without one if that cannot be had within some
   * seconds.
   */
  locked(seconds: number, work: () => Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      let begun = false;
      const begin = async (): Promise<void> => {
        if (begun) return;
        begun = true;
        cancel();
        const done = work();
        resolve(done);
        await done.catch(() => {});
      };
      const cancel = machine.after(seconds, begin);
      if (this.#patience.stuck) return void begin();
      try {
        this.#storage.lock(begin).catch(begin);
      } catch {
        void begin();
      }
    });
  }

  /** Drops the session of another key, which need not be saved any longer. */
  #drop(thumbprint: string | undefined): void {
    const { installId } = this.#memory;
    if (!this.#unsaved || thumbprint === undefined || [undefined, thumbprint].includes(installId)) {
      return;
    }
    this.#memory = {};
    this.#unsaved = this.#saving = false;
    this.#saves++;
  }
}

/** Returns what is of this installation. */
function ours(kept: Kept, own: string | undefined): Kept {
  if (own !== undefined) return kept.installId === own ? kept : { installId: own };
  // The app no longer has the key that this id is of, without which it cannot be used.
  return is32Bytes(kept.installId) ? {} : kept;
}

/** Creates an install id: a random UUID. crypto.randomUUID is missing in pages without https. */
export function createInstallId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = Array.from(bytes, (byte, i) =>
    (i === 6 ? (byte & 0x0f) | 0x40 : i === 8 ? (byte & 0x3f) | 0x80 : byte)
      .toString(16)
      .padStart(2, "0"),
  ).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Reports whether the service accepts an install id. */
export function isInstallId(value: unknown): value is string {
  if (typeof value !== "string" || /\p{Cc}|\p{Cs}/u.test(value) || !/\P{White_Space}/u.test(value))
    return false;
  const length = [...value].length;
  return length >= 8 && length <= 128;
}

/** Reads a saved text. What cannot be read counts as not saved. */
function parseKept(text: unknown): Kept {
  const kept = (typeof text === "string" && parseObject(text)) || {};
  const { version, install_id, session_token, refresh_after } = kept;
  if (!isInstallId(install_id)) return {}; // a session belongs to its install id
  if (version !== 1 || !isToken(session_token)) return { installId: install_id };
  const refreshAfter = isRefreshAfter(refresh_after) ? refresh_after : undefined;
  return { installId: install_id, token: session_token, refreshAfter };
}

function formatKept({ installId, token, refreshAfter }: Kept): string {
  return JSON.stringify({
    version: 1,
    install_id: installId,
    session_token: token,
    refresh_after: refreshAfter,
  });
}
