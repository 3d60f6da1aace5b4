/** Runs work while no other work under the same lock runs. */
export type Lock = (work: () => Promise<void>) => Promise<void>;

/** Returns a lock within this page or process: a queue. */
export function exclusive(): Lock {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => {});
    return mine;
  };
}

/** The locks of this page or process by their name. */
const named = new Map<string, Lock>();

/**
 * Returns the lock of a name. Tabs and workers of one origin share it where the platform has Web
 * Locks: in pages of https and of this machine. Elsewhere the work of this page is queued, and the
 * fallback coordinates with other pages, if it can.
 */
export function sharedLock(name: string, fallback: Lock = (work) => work()): Lock {
  return async (work) => {
    const locks = globalThis.navigator?.locks;
    if (locks !== undefined) return await locks.request(name, work);
    let queue = named.get(name);
    if (queue === undefined) named.set(name, (queue = exclusive()));
    return queue(() => fallback(work));
  };
}

/**
 * Keeps a lock for a moment after the work, until other tabs see what it wrote into localStorage.
 */
export function lingering(lock: Lock): Lock {
  return (work) =>
    lock(async () => {
      await work();
      await pause(50);
    });
}

/** Where a lease is written: all tabs see it. */
export interface Lease {
  get(): string | null;
  set(text: string | null): void;
}

/**
 * Returns a lock for tabs that share no more than a text: the tab that wrote it has the lock. A
 * text that does not change for the given time is one of a tab that is gone, so no clock is
 * compared with that of another tab. Two tabs that write at the same moment may both go on, at the
 * cost of one session.
 */
export function leased(lease: Lease, seconds = 30): Lock {
  return async (work) => {
    const mine = String(Math.random());
    for (let seen = lease.get(), since = performance.now(); seen !== null;) {
      await pause(20 + 20 * Math.random());
      const now = lease.get();
      if (now === null || (now === seen && performance.now() - since > seconds * 1000)) break;
      if (now !== seen) [seen, since] = [now, performance.now()];
    }
    lease.set(mine);
    await pause(10 + 20 * Math.random());
    if (lease.get() !== mine) return leased(lease, seconds)(work);
    try {
      await work();
    } finally {
      if (lease.get() === mine) lease.set(null);
    }
  };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
