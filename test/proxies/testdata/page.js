// Uses the application behind each proxy, and reports what it could see to its own server.
const headers = (token) => ({ "X-Trace": "1", ...(token && { Authorization: `Bearer ${token}` }) });
const attempt = async (address, init) => {
  try {
    const answer = await fetch(address, init);
    const names = ["X-Error-Code", "WWW-Authenticate", "X-Request-ID"];
    return {
      status: answer.status,
      body: await answer.text(),
      headers: Object.fromEntries(names.map((name) => [name, answer.headers.get(name) ?? ""])),
    };
  } catch (error) {
    return { blocked: error.name };
  }
};

const report = {};
for (const [name, site] of Object.entries(await (await fetch("/sites")).json())) {
  const issued = await attempt(`${site}/v1/sessions/anonymous`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers() },
    body: JSON.stringify({ install_id: "install-of-a-page", app_version: "1.0", platform: "web" }),
  });
  const token = issued.status === 200 ? JSON.parse(issued.body).session_token : "";
  report[name] = {
    issued,
    admitted: await attempt(`${site}/app/x?a=b`, { method: "DELETE", headers: headers(token) }),
    posted: await attempt(`${site}/app/x`, { method: "POST", headers: headers(token), body: "a body" }),
    refused: await attempt(`${site}/app/x`, { method: "DELETE", headers: headers() }),
    invalid: await attempt(`${site}/app/x`, { method: "PUT", headers: headers("x") }),
    forbidden: await attempt(`${site}/closed/x`, { method: "DELETE", headers: headers(token) }),
  };
}
await fetch("/report", { method: "POST", body: JSON.stringify(report) });
