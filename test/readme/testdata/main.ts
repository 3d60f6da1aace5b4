import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { SessionClient, type Store } from "./client.js";

const state = process.env["SESSIOND_STATE"] ?? "";
const file = `${state}/session`;
const store: Store = {
  get() {
    try {
      return readFileSync(file, "utf8").trim() || null;
    } catch {
      return null;
    }
  },
  set: (token) => writeFileSync(file, token ?? "", { mode: 0o600 }),
};
const id = readFileSync(`${state}/install_id`, "utf8");
const client = new SessionClient(process.env["SESSIOND_URL"] ?? "", id, store);
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "forget") {
    (client as unknown as { keep(token: null): void }).keep(null);
    console.log("forgotten");
  } else {
    const answer = await client.fetch("/v1/sessions/current");
    await answer.arrayBuffer();
    console.log(answer.status);
  }
}
