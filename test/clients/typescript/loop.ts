// Runs a client with the types that openapi-typescript generates from the API description, against
// the service at the address in the first argument. Its sessions last 20 seconds, and it issues 3 new
// sessions to an address in a minute. tsc --strict checks the types, and this program the values.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

type Problem = components["schemas"]["AuthenticationError"]["error"];
type Code = Problem["code"] | components["schemas"]["SessionRateLimitedProblem"]["code"];

const client = createClient<paths>({ baseUrl: process.argv[2]! });
const wait = (seconds: number) => new Promise((done) => setTimeout(done, seconds * 1000));
const request = (install_id: string): components["schemas"]["SessionRequest"] => ({ install_id, app_version: "1.0", platform: "ios" });
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

// Each code narrows its message: the compiler knows all five codes, and that there is no sixth.
function remedy(problem: Problem): "anew" | "forget" | "renew" | "prove" {
  switch (problem.code) {
    case "unauthorized":
      assert.equal(problem.message satisfies "Missing bearer token", "Missing bearer token");
      return "anew";
    case "invalid_token":
      assert.equal(problem.message satisfies "Invalid session token", "Invalid session token");
      return "forget";
    case "expired_token":
      assert.equal(problem.message satisfies "Session token expired", "Session token expired");
      return "renew";
    case "invalid_proof":
      assert.equal(problem.message satisfies "Invalid proof of possession", "Invalid proof of possession");
      return "prove";
    case "proof_nonce_required":
      assert.equal(problem.message satisfies "Proof needs a nonce", "Proof needs a nonce");
      return "prove";
  }
}

async function current(token?: string) {
  return client.GET("/v1/sessions/current", token === undefined ? {} : { headers: bearer(token) });
}

const first = await client.POST("/v1/sessions/anonymous", { body: request("install-12345") });
assert(first.data, "a session is issued");
assert.equal(first.data.expires_in, 20);
assert(first.data.refresh_after >= 1);
assert.match(first.data.expires_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);

const shown = await current(first.data.session_token);
assert.equal(shown.data?.install_id, "install-12345");
assert.equal(shown.data.expires_at, first.data.expires_at);

const verified = await client.GET("/v1/sessions/verify", { headers: bearer(first.data.session_token), parseAs: "text" });
assert.equal(verified.response.status, 200);
assert.equal(verified.response.headers.get("X-Session-Install-Id"), "install-12345");

const codes: Code[] = [];
for (const token of [undefined, "x"]) {
  const refused = await current(token);
  assert(refused.error && typeof refused.error !== "string" && "error" in refused.error);
  const problem = refused.error.error;
  assert(problem.code !== "internal_error");
  codes.push(problem.code);
  remedy(problem);
}
assert.deepEqual(codes, ["unauthorized", "invalid_token"]);

const wrong = await client.POST("/v1/sessions/anonymous", { body: request("short") });
assert(wrong.error && typeof wrong.error === "object" && wrong.error.error.code === "validation_error");
assert.deepEqual(wrong.error.error.details, [{ field: "install_id", rule: "length", min: 8, max: 128 }]);

await wait(first.data.expires_in);
const late = await current(first.data.session_token);
assert(late.error && typeof late.error === "object" && late.error.error.code === "expired_token");
assert.equal(remedy(late.error.error), "renew");

// A renewal has limits of its own. A new session counts against the limit of the address.
const renewed = await client.POST("/v1/sessions/anonymous", { body: request("install-12345"), headers: bearer(first.data.session_token) });
assert(renewed.data);
assert.equal(renewed.response.headers.get("RateLimit-Policy"), '"renewal";q=2;w=60, "renewal_ip";q=10000;w=60');
for (let n = 0; ; n++) {
  assert(n < 20, "the limit of the address does not apply");
  const answer = await client.POST("/v1/sessions/anonymous", { body: request(`install-other-${n}`) });
  if (answer.data) continue;
  assert(typeof answer.error === "object" && answer.error.error.code === "session_rate_limited");
  const seconds = Number(answer.response.headers.get("Retry-After"));
  assert(Number.isInteger(seconds) && seconds >= 1 && seconds <= 120, `${seconds}`);
  break;
}
assert.equal((await client.GET("/.well-known/jwks.json")).data?.keys.length, 0);
assert.equal((await client.GET("/v1/health")).data?.status satisfies "ok" | undefined, "ok");
console.log("all answers match the types");
