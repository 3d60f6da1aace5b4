import { type ErrorDetail, SessionError } from "./errors.ts";

/** A session as the service granted it. */
export interface Grant {
  readonly token: string;
  /** Seconds after which it is to be renewed. */
  readonly refreshAfter: number;
  /** Seconds before which another request for a session would be refused. */
  readonly pause: number;
}

/** The most bytes of a response that are read. */
const maxBytes = 64 * 1024;
const maxRefreshAfter = 365 * 24 * 60 * 60;
/** What more seconds in headers count as. The service asks for two windows at most, each a day. */
const maxSeconds = 2 * 24 * 60 * 60;
const word = /^[a-z_]{1,64}$/;

/** Reads the response to a request for a session. Throws a SessionError unless it is a session. */
export async function readGrant(response: Response): Promise<Grant> {
  const text = await readText(response);
  const body = text === undefined ? undefined : parseObject(text);
  if (response.status !== 200) throw refusal(response, body);
  const token = body?.["session_token"];
  const refreshAfter = body?.["refresh_after"];
  if (!isToken(token) || !isRefreshAfter(refreshAfter)) {
    throw new SessionError("unexpected_response", common(response));
  }
  return { token, refreshAfter, pause: exhausted(response.headers.get("RateLimit") ?? "") };
}

/** Reports whether a value can be sent as a session token. */
export function isToken(value: unknown): value is string {
  return typeof value === "string" && /^[A-Za-z0-9._-]{1,4096}$/.test(value);
}

/** Reports whether a value is a number of seconds after which a session may be renewed. */
export function isRefreshAfter(value: unknown): value is number {
  return isCount(value, maxRefreshAfter);
}

/** Parses a JSON object; anything else is undefined. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Reads a number of seconds, at least one, as HTTP writes it. A date or a fraction is 0. */
function wholeSeconds(text: string): number {
  return /^\s*[0-9]+\s*$/.test(text) ? Math.min(Math.max(1, Number(text)), maxSeconds) : 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= max;
}

/** Reads the body, or returns undefined if it is too long. */
async function readText(response: Response): Promise<string | undefined> {
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  const decoder = new TextDecoder();
  let text = "";
  for (let bytes = 0; ;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.byteLength;
    if (bytes > maxBytes) {
      reader.cancel().catch(() => {});
      return undefined;
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** Returns the longest wait that a RateLimit header announces for a limit without a grant left. */
function exhausted(header: string): number {
  let longest = 0;
  for (const limit of header.replace(/"[^"]*"/g, "").split(",")) {
    const members = limit.split(";").map((member) => member.trim());
    if (!members.includes("r=0")) continue;
    for (const member of members) {
      if (member.startsWith("t=")) longest = Math.max(longest, wholeSeconds(member.slice(2)));
    }
  }
  return longest;
}

function refusal(response: Response, body: Record<string, unknown> | undefined): SessionError {
  const { status, headers } = response;
  const error = isObject(body?.["error"]) ? body["error"] : {};
  // What something on the way to the service answers has no code.
  const code =
    status < 400 ? undefined : [firstOf(headers, "X-Error-Code"), error["code"]].find(isWord);
  // Each proxy may add one.
  const waits = (headers.get("Retry-After") ?? "").split(",").map(wholeSeconds);
  return new SessionError(code ?? "unexpected_response", {
    ...common(response),
    details: Array.isArray(error["details"]) ? error["details"].slice(0, 16).flatMap(detail) : [],
    retryAfterSeconds: (isBusy(status) && Math.max(...waits)) || undefined,
  });
}

/** Returns the first element of a header that has one: two servers may have set it. */
export function firstOf(headers: Headers, name: string): string {
  return (headers.get(name) ?? "").split(",", 1)[0]?.trim() ?? "";
}

/** Reports whether a status means that the same request succeeds later. */
export function isBusy(status: number | undefined): boolean {
  return status === 429 || status === 503;
}

function common({ status, headers }: Response): {
  status: number | undefined;
  requestId: string | undefined;
} {
  const id = headers.get("X-Request-ID") ?? "";
  // Browsers do not say which redirect it was.
  return {
    status: status || undefined,
    requestId: /^[A-Za-z0-9._-]{1,128}$/.test(id) ? id : undefined,
  };
}

function isWord(value: unknown): value is string {
  return typeof value === "string" && word.test(value);
}

function detail(value: unknown): ErrorDetail[] {
  if (!isObject(value)) return [];
  const { field, rule, min, max } = value;
  if (!isWord(field) || !isWord(rule)) return [];
  const bounds = isCount(min, 1e9) && isCount(max, 1e9) ? { min, max } : {};
  return [{ field, rule, ...bounds }];
}
