/**
 * What the client takes from the machine. Times are seconds. The tests replace these functions; the
 * package does not export them.
 */
export const machine = {
  /** Reads a clock that only ever goes forward, whatever happens to the clock of the device. */
  now: (): number => performance.now() / 1000,

  /** Reads the clock of the device, which may be wrong. It is for proofs alone. */
  wall: (): number => Date.now() / 1000,

  /** Returns a number from 0 to 1 for the spread of waits. */
  random: (): number => Math.random(),

  /** How long one call of a storage, or of a key, may take. */
  storagePatience: 5,

  /** Sleeps until a wait that the service asked for is over. An abort ends the sleep at once. */
  sleep: (seconds: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, seconds * 1000);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      });
    }),

  /**
   * Runs a function later, unless the returned function is called first: the deadline of a wait.
   */
  after: (seconds: number, run: () => void): (() => void) => {
    const timer = setTimeout(run, seconds * 1000);
    return () => clearTimeout(timer);
  },
};
