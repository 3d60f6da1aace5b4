// Runs the table of cases that the clients in all languages pass, in Node or in Deno.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { Case } from "./table.mjs";
import { startWorlds } from "./world.mjs";

// Node 20 runs the compiled code, Deno the sources.
const [code, extension] = globalThis.Deno ? ["../src", "ts"] : ["../built", "js"];
const exports = await import(`${code}/index.${extension}`);
const { machine } = await import(`${code}/machine.${extension}`);
const { cases } = JSON.parse(readFileSync(process.env["SESSIONCLIENT_CASES"], "utf8"));

describe("cases", () => {
  let world;
  before(async () => {
    world = await startWorlds();
  });
  after(() => world.end());

  // Deno repeats by itself what was sent on a connection that closed.
  const relevant = globalThis.Deno
    ? cases.filter((each) => !/"close":true/.test(JSON.stringify(each)))
    : cases;
  assert.notEqual(relevant.length, 0);
  for (const each of relevant) {
    test(each.name, () =>
      new Case({
        exports,
        machine,
        storage: exports.inMemory,
        key: exports.memoryKey,
        worlds: world.worlds,
      }).run(each),
    );
  }
});
