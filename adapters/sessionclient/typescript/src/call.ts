import { SessionError } from "./errors.ts";
import { machine } from "./machine.ts";

/** One call of the app, with what it may still spend on waiting for a session. */
export class Call {
  readonly #signal: AbortSignal | undefined;
  #left: number;

  constructor(maxWait: number, signal: AbortSignal | undefined) {
    this.#left = maxWait;
    this.#signal = signal;
  }

  /** The seconds that are left for waiting. */
  get left(): number {
    return this.#left;
  }

  /**
   * Waits for something that other calls may wait for too. If the app gives up, it rejects with the
   * reason of the signal; what was waited for goes on.
   */
  wait<T>(promise: Promise<T>): Promise<T> {
    const signal = this.#signal;
    const began = machine.now();
    let settle = () => {};
    return new Promise<T>((resolve, reject) => {
      const abort = () => reject(signal?.reason);
      const release = signal === undefined ? undefined : onAbort(signal, abort);
      // One second more, so that a wait that just fits is not cut off.
      const cancel = machine.after(Math.max(this.#left, 0) + 1, () =>
        reject(new SessionError("timeout")),
      );
      settle = () => {
        cancel();
        release?.();
        this.#left -= machine.now() - began;
      };
      promise.then(resolve, reject);
    }).finally(() => settle());
  }

  /** Waits some seconds. */
  async pause(seconds: number): Promise<void> {
    const over = new AbortController();
    try {
      await this.wait(machine.sleep(seconds, over.signal));
    } finally {
      over.abort();
    }
  }
}

/**
 * What to run when a signal aborts: one listener for each signal, as an app may use one for many
 * requests.
 */
const aborts = new WeakMap<AbortSignal, Set<() => void>>();

/** Runs a function when a signal aborts, unless the returned function is called first. */
function onAbort(signal: AbortSignal, run: () => void): () => void {
  if (signal.aborted) run();
  let runs = aborts.get(signal);
  if (runs === undefined) {
    const all = (runs = new Set());
    aborts.set(signal, all);
    signal.addEventListener("abort", () => all.forEach((each) => each()), { once: true });
  }
  const mine = runs.add(run);
  return () => mine.delete(run);
}
