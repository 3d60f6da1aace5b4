import { isBusy } from "./answer.ts";
import type { Call } from "./call.ts";
import type { Device, Devices } from "./device.ts";
import { SessionError } from "./errors.ts";
import { machine } from "./machine.ts";
import { Pace } from "./pace.ts";
import type { Pass } from "./pass.ts";
import type { Service } from "./service.ts";
import { createInstallId, type Kept, type Vault } from "./vault.ts";

/**
 * How often sessions are replaced because they are invalid, or renewed because they are expired
 * before they are due, in seconds. An application with wrong keys or a wrong clock must not make
 * each installation ask for sessions all the time.
 */
const replacing = 60;

/** Obtains the session, renews it and replaces it. All calls of one client share it. */
export class Source {
  readonly #vault: Vault;
  readonly #service: Service;
  readonly #devices: Devices | undefined;
  readonly #pace = new Pace();
  /** The one exchange with the service that is on its way. */
  #flight: Promise<void> | undefined;
  /** When to renew the session whose age is known: it came while this client ran. */
  #dated: { token: string; refreshAt: number } | undefined;
  /** What the storage held when this client last looked. */
  #seen: { token: string | undefined; at: number } | undefined;
  /** The session that the application refused as expired: it can only be renewed. */
  #expired: string | undefined;
  /** The session that the application refused as invalid, and that was forgotten last. */
  #invalid: string | undefined;
  #replaceableAt = -Infinity;
  #renewableAt = -Infinity;
  /** Counts sign-outs, so that a flight that began before one is dropped. */
  #signOuts = 0;

  /** With devices, sessions are bound to the key. */
  constructor(vault: Vault, service: Service, devices: Devices | undefined) {
    this.#vault = vault;
    this.#service = service;
    this.#devices = devices;
  }

  /**
   * Returns a session to send. It waits only if none is held. If the session can be sent only once,
   * it also waits for the renewal of one of unknown age.
   */
  async obtain(call: Call, once: boolean): Promise<Pass & { readonly token: string }> {
    let renewed = false;
    let refused: SessionError | undefined;
    for (;;) {
      const { kept, device } = await call.wait(this.#load());
      const { token } = kept;
      if (token !== undefined && token !== this.#expired) {
        const dated = this.#dated?.token === token;
        const due = dated ? machine.now() >= (this.#dated?.refreshAt ?? 0) : once;
        if (!due || renewed || !this.#pace.mayRenew()) return { token, device };
        const renewal = this.#fly(token);
        if (dated) return { token, device };
        renewed = true;
        try {
          await call.wait(renewal);
        } catch (error) {
          // If the renewal failed, the session that is held goes on.
          if (!(error instanceof SessionError)) throw error;
        }
        continue;
      }
      const refusal = this.#pace.refusal();
      if (refusal !== undefined) {
        if (refusal.seconds > call.left) throw refused ?? refusal.error;
        await call.pause(refusal.seconds);
        refused = undefined;
        continue;
      }
      try {
        await call.wait(this.#fly(token));
      } catch (error) {
        if (!(error instanceof SessionError) || !isBusy(error.status)) throw error;
        refused = error;
      }
    }
  }

  /** Notes that the application refused a session. Returns whether to send the request again. */
  async refused(
    call: Call,
    token: string,
    why: "expired_token" | "invalid_token",
  ): Promise<boolean> {
    const { kept } = await call.wait(this.#load());
    if (kept.token !== token) return true; // another call or tab has replaced it
    if (why === "expired_token") {
      const now = machine.now();
      const due = this.#dated?.token === token ? this.#dated.refreshAt : now;
      // Before it is due: or the clock stood still while the device slept.
      if (this.#expired !== token && now < due) {
        if (now < this.#renewableAt) return false;
        this.#renewableAt = now + replacing;
      }
      this.#expired = token;
      return true;
    }
    // Another call may have replaced this very session while this one loaded.
    if (machine.now() < this.#replaceableAt) return token === this.#invalid;
    this.#replaceableAt = machine.now() + replacing;
    this.#invalid = token;
    this.#seen = { token: undefined, at: machine.now() };
    await call.wait(this.#vault.save({ installId: kept.installId }));
    return true;
  }

  /**
   * Forgets the session, the key, and a created install id. Throws the error of the key, or else of
   * the storage, that may still hold them.
   */
  async signOut(): Promise<void> {
    this.#signOuts++;
    this.#dated = this.#expired = undefined;
    this.#seen = { token: undefined, at: machine.now() };
    const saved = this.#vault.save({});
    try {
      await this.#devices?.forget();
    } finally {
      await saved;
    }
    const failure = await saved;
    if (failure !== undefined) throw failure;
  }

  /**
   * Loads the key, and what is kept for it. A session that was not there at the last look is
   * younger than that.
   */
  async #load(): Promise<{ kept: Kept; device: Device | undefined }> {
    const device = await this.#devices?.load();
    const at = machine.now();
    const kept = await this.#vault.load(device?.installId);
    const { token, refreshAfter } = kept;
    const appeared =
      this.#seen !== undefined && this.#seen.token !== token && this.#dated?.token !== token;
    if (appeared && token !== undefined && refreshAfter !== undefined) {
      this.#dated = { token, refreshAt: (this.#seen?.at ?? at) + refreshAfter };
    }
    this.#seen = { token, at };
    return { kept, device };
  }

  /** Joins the flight, or begins one because of a session that is kept, or of none. */
  #fly(because: string | undefined): Promise<void> {
    if (this.#flight === undefined) {
      const work = () => this.#exchange(because);
      this.#flight = this.#vault.locked(2 * this.#service.timeout, work).finally(() => {
        this.#flight = undefined;
      });
      this.#flight.catch(() => {}); // a renewal in the background has no caller
    }
    return this.#flight;
  }

  /** Exchanges the kept session for a new one, unless another tab has done so already. */
  async #exchange(because: string | undefined): Promise<void> {
    const signOuts = this.#signOuts;
    const { kept: found, device } = await this.#load();
    if (signOuts !== this.#signOuts || found.token !== because) return;
    const asked = { installId: found.installId ?? createInstallId(), token: found.token };
    if (!same(asked, found)) await this.#vault.save(asked);
    const pass = { token: asked.token, device };
    const grant = await this.#pace.follow(this.#service.exchange(asked.installId, pass));
    const at = machine.now();
    // A sign-out, here or in another tab, drops the result.
    const { kept: now } = await this.#load();
    if (signOuts !== this.#signOuts || !same(now, asked)) return;
    const { token, refreshAfter } = grant;
    this.#dated = { token, refreshAt: at + refreshAfter };
    this.#seen = { token, at };
    this.#expired = undefined; // two sessions of the same second may have the same text
    await this.#vault.save({ installId: asked.installId, token, refreshAfter });
  }
}

function same(a: Kept, b: Kept): boolean {
  return a.installId === b.installId && a.token === b.token;
}
