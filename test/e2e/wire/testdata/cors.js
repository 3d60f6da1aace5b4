// Tries what a page of another origin can do with the service, and reports it to its own server.
const service = new URLSearchParams(location.search).get("service");
const id = "install-of-a-browser";
// What a tracing library adds to every request.
const traced = { traceparent: `00-${"1".repeat(32)}-${"1".repeat(16)}-01`, baggage: "a=b" };
const issue = () =>
  fetch(`${service}/v1/sessions/anonymous`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...traced },
    body: JSON.stringify({ install_id: id, app_version: "1.0", platform: "web" }),
  });
const exposed = (answer) =>
  Object.fromEntries(
    [
      "Retry-After",
      "RateLimit",
      "RateLimit-Policy",
      "X-Request-ID",
      "X-Error-Code",
      "WWW-Authenticate",
      "DPoP-Nonce",
    ].map((name) => [name, answer.headers.get(name)]),
  );
const describe = async (answer) => ({
  status: answer.status,
  headers: exposed(answer),
  body: await answer.json().catch(() => null),
});
const attempt = async (request) => {
  try {
    return await describe(await request());
  } catch (error) {
    return { blocked: error.name };
  }
};

const report = {};
report.first = await attempt(issue);
const headers = { Authorization: `Bearer ${report.first.body?.session_token}` };
report.current = await attempt(() => fetch(`${service}/v1/sessions/current`, { headers }));
report.missing = await attempt(() => fetch(`${service}/v1/sessions/current`));
report.issued = await attempt(issue);
report.refused = await attempt(issue);
report.verify = await attempt(() =>
  fetch(`${service}/v1/sessions/verify`, { headers }),
);
report.credentials = await attempt(() =>
  fetch(`${service}/v1/sessions/current`, { credentials: "include" }),
);
report.keys = await attempt(() =>
  fetch(`${service}/.well-known/jwks.json`, { headers: traced }),
);
await fetch("/report", { method: "POST", body: JSON.stringify(report) });
