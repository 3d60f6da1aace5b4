/** One thing that the service objects to in a request for a session. It never holds the value. */
export interface ErrorDetail {
  readonly field: string;
  readonly rule: string;
  /** The bounds of the rule `length`. */
  readonly min?: number;
  readonly max?: number;
}

type Members = Partial<
  Pick<SessionError, "status" | "details" | "retryAfterSeconds" | "requestId">
> & { cause?: unknown };

/**
 * Says that there is no session. Neither the message nor another member holds a token or an install
 * id.
 */
export class SessionError extends Error {
  override readonly name = "SessionError";
  /**
   * The error code of the service, such as `session_rate_limited` or `validation_error`; or
   * `unreachable`, `timeout`, `unexpected_response` or `key_unavailable` (with the `cause`).
   */
  readonly code: string;
  /** The HTTP status of the service; undefined without a response. */
  readonly status: number | undefined;
  /** What is wrong with the request; empty unless the code is `validation_error`. */
  readonly details: readonly ErrorDetail[];
  /** How long to wait before another attempt, in seconds; undefined if the service did not say. */
  readonly retryAfterSeconds: number | undefined;
  /** The id under which the service logged the request. */
  readonly requestId: string | undefined;

  constructor(code: string, more: Members = {}) {
    super(message(code, more), more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.status = more.status;
    this.details = more.details ?? [];
    this.retryAfterSeconds = more.retryAfterSeconds;
    this.requestId = more.requestId;
  }
}

function message(code: string, more: Members): string {
  const notes = (more.details ?? []).map(({ field, rule, min, max }) =>
    min === undefined || max === undefined
      ? `${field}: ${rule}`
      : `${field}: ${rule} ${min} to ${max}`,
  );
  if (more.retryAfterSeconds !== undefined) notes.push(`retry after ${more.retryAfterSeconds} s`);
  return `no session: ${code}${notes.length > 0 ? ` (${notes.join("; ")})` : ""}`;
}
