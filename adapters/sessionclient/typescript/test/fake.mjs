// A service and an application without a network, and bounds of time.
import { SessionClient } from "../built/index.js";
import { machine } from "../built/machine.js";

export const sessions = "https://sessions.example";
export const application = "https://api.example";
export const refused = (code) =>
  new Response("{}", { status: 401, headers: { "X-Error-Code": code } });

/**
 * A service that grants session.1, session.2, …; and an application that answers with the queued
 * responses, then 200.
 */
export class World {
  issued = [];
  sent = [];
  answers = [];

  fetch = async (input, init) => {
    const request = new Request(input, init);
    const seen = {
      request,
      input,
      init,
      authorization: request.headers.get("Authorization"),
      proof: request.headers.get("DPoP"),
      body: await request.text(),
    };
    if (request.url.startsWith(sessions)) {
      this.issued.push(seen);
      return Response.json({ session_token: `session.${this.issued.length}`, refresh_after: 60 });
    }
    this.sent.push(seen);
    return this.answers.shift() ?? new Response("ok");
  };

  client(options) {
    return new SessionClient({
      sessions,
      application,
      appVersion: "1.0",
      platform: "test",
      fetch: this.fetch,
      ...options,
    });
  }
}

export const patience = 60_000; // for everything that a test waits for, in milliseconds

/** Waits for a promise. */
export function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`timed out: waiting for ${what}`)), patience);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Makes deadlines of up to some seconds pass at once during a call. */
export async function impatient(most, call) {
  const { after } = machine;
  machine.after = (seconds, run) => after(seconds <= most ? 0 : seconds, run);
  try {
    return await within("a call whose deadlines pass", call());
  } finally {
    machine.after = after;
  }
}
