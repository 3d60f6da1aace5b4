import { methodAsSent } from "./pass.ts";

type Input = Parameters<typeof globalThis.fetch>[0];
type Init = NonNullable<Parameters<typeof globalThis.fetch>[1]>;

/** A request of the app, which may be sent several times with different sessions. */
export interface Outgoing {
  readonly address: string | URL;
  /** The method as it is sent. Throws if fetch would. */
  readonly method: () => string;
  /** Whether the app has set an Authorization header of its own. */
  readonly authorized: boolean;
  /** Whether the body can be sent again. */
  readonly replayable: boolean;
  readonly signal: AbortSignal | undefined;
  /** Sends it with more headers, and to another URL if one is given, which is for GET and HEAD. */
  send(
    fetch: typeof globalThis.fetch,
    more: Record<string, string>,
    to: string | undefined,
  ): Promise<Response>;
  /** Lets go of what was kept for another send. */
  discard(): void;
}

/** Describes a request from the arguments of fetch. */
export function outgoing(input: Input, init: Init | undefined): Outgoing {
  return typeof input === "object" && "clone" in input
    ? ofRequest(input, init)
    : ofAddress(input, { ...init });
}

function ofAddress(address: string | URL, init: Init): Outgoing {
  const headers = new Headers(init.headers);
  return {
    address,
    method: () => methodAsSent(init.method ?? "GET"),
    authorized: headers.has("Authorization"),
    replayable: isReplayable(init.body),
    signal: init.signal ?? undefined,
    // The rest of init is passed on as it is: platforms have members of their own there.
    send: (fetch, more, to) =>
      fetch(to ?? address, { ...init, headers: add(new Headers(headers), more) }),
    discard: () => {},
  };
}

/**
 * A Request hides what its body was made of. It is therefore cloned for each send, and the platform
 * keeps a copy of the body until the last one.
 */
function ofRequest(input: Request, init: Init | undefined): Outgoing {
  const stream = init?.body !== undefined && !isReplayable(init.body);
  let merged: Request | undefined;
  // Not before it is sent with the session: this takes the body of the request that was given.
  const request = () => (merged ??= init === undefined ? input : new Request(input, init));
  return {
    address: input.url,
    method: () => request().method,
    authorized: new Headers(init?.headers ?? input.headers).has("Authorization"),
    replayable: !stream,
    get signal() {
      return request().signal;
    },
    send: (fetch, more, to) => {
      const copy = stream ? request() : request().clone();
      const sent = to === undefined ? copy : new Request(to, copy);
      add(sent.headers, more);
      return init === undefined ? fetch(sent) : fetch(sent, withoutMerged(init));
    },
    discard: () => void merged?.body?.cancel().catch(() => {}),
  };
}

/** Returns init without what a Request has of it: platforms have members of their own there. */
function withoutMerged(init: Init): Init {
  const { method, headers, body, ...rest } = init;
  return rest;
}

function add(headers: Headers, more: Record<string, string>): Headers {
  for (const [name, value] of Object.entries(more)) headers.set(name, value);
  return headers;
}

/** Reports whether a body is data, not something that is read once. */
function isReplayable(body: unknown): boolean {
  return (
    body === undefined ||
    body === null ||
    typeof body === "string" ||
    body instanceof URLSearchParams ||
    body instanceof FormData ||
    body instanceof Blob ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body)
  );
}
