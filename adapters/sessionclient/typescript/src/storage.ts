import { exclusive } from "./locks.ts";

/**
 * Keeps the session of one app. Clients that share it, in one tab or in several, share one session.
 * If a method fails, the client goes on in memory.
 */
export interface ClientStorage {
  /** Returns the saved text; null if there is none. It is called before each use of the session. */
  load(): string | null | Promise<string | null>;
  /** Saves a text, which holds a credential; null forgets it. */
  save(text: string | null): void | Promise<void>;
  /** Runs work while no other client of this storage, in whatever process, runs its own. */
  lock(work: () => Promise<void>): Promise<void>;
}

/** Keeps the session until the page or the process ends. */
export function inMemory(): ClientStorage {
  let kept: string | null = null;
  const lock = exclusive();
  return {
    load: () => kept,
    save: (text) => {
      kept = text;
    },
    lock,
  };
}
