import { machine } from "./machine.ts";

/** Waits for something outside the client, within bounds: a database may never answer. */
export class Patience {
  readonly #what: string;
  /** Whether a call was given up and still goes on. */
  #stuck = false;

  constructor(what: string) {
    this.#what = what;
  }

  /** Whether the next call fails at once. */
  get stuck(): boolean {
    return this.#stuck;
  }

  /** Returns the result of a call, or throws if there is none in time. */
  async wait<T>(call: () => T | Promise<T>): Promise<T> {
    if (this.#stuck) throw this.#error();
    const result = call();
    if (!isPromise(result)) return result;
    let cancel = () => {};
    const late = new Promise<never>((_, reject) => {
      cancel = machine.after(machine.storagePatience, () => {
        this.#stuck = true;
        const unstick = () => (this.#stuck = false);
        result.then(unstick, unstick);
        reject(this.#error());
      });
    });
    return Promise.race([result, late]).finally(cancel);
  }

  #error(): Error {
    return new Error(`${this.#what} does not answer`);
  }
}

function isPromise<T>(result: T | Promise<T>): result is Promise<T> {
  return typeof result === "object" && result !== null && "then" in result;
}
