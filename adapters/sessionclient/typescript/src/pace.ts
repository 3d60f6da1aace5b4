import { type Grant, isBusy } from "./answer.ts";
import { SessionError } from "./errors.ts";
import { machine } from "./machine.ts";

/** Says when the service may be asked for a session, from its answers so far. */
export class Pace {
  /** No request for a session before this instant: the service said so. */
  #openAt = -Infinity;
  #said = new SessionError("session_rate_limited");
  /** The next renewal, as long as a session is held. */
  #renewAt = -Infinity;
  readonly #silences = new Doubling(1, 60);
  readonly #failures = new Doubling(10, 300);

  /**
   * Returns how long to wait and the error of those who do not, or undefined if the service may be
   * asked.
   */
  refusal(): { seconds: number; error: SessionError } | undefined {
    const seconds = this.#openAt - machine.now();
    if (seconds <= 0) return undefined;
    const { code, status, details, requestId } = this.#said;
    const retryAfterSeconds = Math.ceil(seconds);
    return {
      seconds,
      error: new SessionError(code, { status, details, requestId, retryAfterSeconds }),
    };
  }

  /** Reports whether a session that is held may be renewed now. */
  mayRenew(): boolean {
    return machine.now() >= Math.max(this.#openAt, this.#renewAt);
  }

  /** Returns the result of an exchange, and learns from it. */
  async follow(exchange: Promise<Grant>): Promise<Grant> {
    try {
      const grant = await exchange;
      this.#silences.reset();
      this.#failures.reset();
      this.#renewAt = -Infinity;
      if (grant.pause > 0) this.#close(grant.pause, new SessionError("session_rate_limited"));
      return grant;
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  #failed(error: unknown): void {
    const after = error instanceof SessionError ? error.retryAfterSeconds : undefined;
    if (error instanceof SessionError && isBusy(error.status)) {
      const seconds = after ?? this.#silences.next();
      // Those who were told the same do not all return at the same instant.
      this.#close(seconds + machine.random() * Math.max(1, seconds / 10), error);
    }
    this.#renewAt = after === undefined ? machine.now() + this.#failures.next() : -Infinity;
  }

  #close(seconds: number, said: SessionError): void {
    this.#openAt = machine.now() + seconds;
    this.#said = said;
  }
}

/** A wait that doubles each time up to a bound, in seconds. */
class Doubling {
  readonly #first: number;
  readonly #most: number;
  #now: number;

  constructor(first: number, most: number) {
    this.#first = this.#now = first;
    this.#most = most;
  }

  next(): number {
    const now = this.#now;
    this.#now = Math.min(2 * now, this.#most);
    return now;
  }

  reset(): void {
    this.#now = this.#first;
  }
}
