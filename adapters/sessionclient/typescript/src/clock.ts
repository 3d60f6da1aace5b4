import { machine } from "./machine.ts";

/**
 * The time of proofs: that of the device, until a server did not accept it; from then on that of
 * the server, counted on a monotonic clock.
 */
export class ProofClock {
  #told: { date: number; at: number } | undefined;

  /** Returns whole seconds since 1970. */
  now(): number {
    const told = this.#told;
    return Math.floor(
      told === undefined ? machine.wall() : told.date + (machine.now() - told.at),
    );
  }

  /** Takes the time from the Date of an answer that has just arrived, if it has a usable one. */
  correct(headers: Headers): void {
    const text = headers.get("Date") ?? "";
    const date = Date.parse(text) / 1000;
    // Parsers accept nearly everything, such as two dates in one header.
    if (date > 0 && new Date(date * 1000).toUTCString() === text) {
      this.#told = { date, at: machine.now() };
    }
  }
}
