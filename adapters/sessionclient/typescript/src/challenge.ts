import { firstOf } from "./answer.ts";

/** How a server refused a request because of its session or its proof. */
export type Refusal = "expired_token" | "invalid_token" | "proof_nonce_required";

const refusals: readonly string[] = ["expired_token", "invalid_token", "proof_nonce_required"];
/** How much of the challenges is searched: the time that takes grows with the square of it. */
const maxChallenge = 2048;
/** Visible characters of ASCII, without blanks: two values of one header are joined by a blank. */
const nonce = /^[!-~]{1,256}$/;

/** Returns why a request was refused with a 401, if the client can do something about it. */
export function refusalOf({ status, headers }: Response): Refusal | undefined {
  if (status !== 401) return undefined;
  const code = firstOf(headers, "X-Error-Code") || codeOfChallenge(headers);
  return isRefusal(code) ? code : undefined;
}

/** Returns the nonce that a proof must name to be accepted, if an answer has a usable one. */
export function nonceOf(headers: Headers): string | undefined {
  const value = headers.get("DPoP-Nonce") ?? "";
  return nonce.test(value) ? value : undefined;
}

/** Returns what the challenges say in place of an error code that a proxy dropped. */
function codeOfChallenge(headers: Headers): Refusal | undefined {
  // A parameter (RFC 9110, 11.2). What stands in a quoted string is none.
  const parameter = /([\w-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)/g;
  const challenges = (headers.get("WWW-Authenticate") ?? "").slice(0, maxChallenge);
  const found = challenges.matchAll(parameter);
  const has = new Set(
    Array.from(
      found,
      ([, name = "", value = ""]) => `${name.toLowerCase()}=${value.replace(/^"+|"+$/g, "")}`,
    ),
  );
  if (has.has("error=use_dpop_nonce")) return "proof_nonce_required";
  if (!has.has("error=invalid_token")) return undefined;
  return has.has("error_description=expired") ? "expired_token" : "invalid_token";
}

function isRefusal(code: string | undefined): code is Refusal {
  return code !== undefined && refusals.includes(code);
}
