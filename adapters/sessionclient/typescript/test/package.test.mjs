// Packs the package as npm publishes it, and uses it as an app does.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startWorlds } from "./world.mjs";

const home = fileURLToPath(new URL("..", import.meta.url));
const compiler = join(
  dirname(createRequire(import.meta.url).resolve("typescript/package.json")),
  "bin",
  "tsc",
);
const app = mkdtempSync(join(tmpdir(), "app-"));

/** Runs a program in a folder, and returns its output. An error has the output too. */
async function run(folder, ...command) {
  try {
    return (
      await promisify(execFile)(command[0], command.slice(1), { cwd: folder, timeout: 120_000 })
    ).stdout;
  } catch (error) {
    throw new Error(`${command.join(" ")}: ${error.stdout}${error.stderr}`);
  }
}

before(async () => {
  await run(home, "npm", "pack", "--silent", "--pack-destination", app);
  const modules = join(app, "node_modules");
  mkdirSync(join(modules, "@offload"), { recursive: true });
  const [packed] = readdirSync(app).filter((name) => name.endsWith(".tgz"));
  await run(app, "tar", "-xzf", packed);
  rmSync(join(app, packed));
  symlinkSync(join(app, "package"), join(modules, "@offload", "sessionclient"));
  symlinkSync(join(home, "node_modules", "@types"), join(modules, "@types"));
  symlinkSync(join(home, "node_modules", "undici-types"), join(modules, "undici-types"));
  writeFileSync(join(app, "package.json"), `{"type":"module"}`);
});
after(() => rmSync(app, { recursive: true, force: true }));

test("the package holds one module, its types and the README", () => {
  const packed = readdirSync(join(app, "package"), { recursive: true, withFileTypes: true });
  const files = packed.filter((entry) => entry.isFile()).map((entry) => entry.name);
  assert.deepEqual(files.sort(), ["README.md", "index.d.ts", "index.js", "package.json"]);
});

test("the package exports what its types declare, and none of what tests replace", async () => {
  const exported = Object.keys(await import(join(app, "package", "dist", "index.js"))).sort();
  assert.deepEqual(exported, [
    "SessionClient",
    "SessionError",
    "browserKey",
    "inIndexedDB",
    "inLocalStorage",
    "inMemory",
    "memoryKey",
  ]);
  const types = readFileSync(join(app, "package", "dist", "index.d.ts"), "utf8");
  const declared = [...types.matchAll(/^export declare \w+ (\w+)/gm)]
    .map(([, name]) => name)
    .sort();
  assert.deepEqual(declared, exported);
  assert.doesNotMatch(types, /machine|import /);
});

test("the package can be published", () =>
  run(
    home,
    process.execPath,
    join(home, "node_modules", ".bin", "publint"),
    "--strict",
    "--pack",
    "false",
    join(app, "package"),
  ));

/** The lines of the README. */
function snippet() {
  const [, lines] = /```ts\n([^`]*)```/.exec(
    readFileSync(join(app, "package", "README.md"), "utf8"),
  );
  assert.ok(lines.trim().split("\n").length <= 12);
  return lines;
}

const strict = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true };
const page = { lib: ["es2022", "dom", "dom.iterable"], types: [] };
const settings = {
  "a bundler": { module: "esnext", moduleResolution: "bundler", ...page },
  "a page": { module: "nodenext", ...page },
  "Node.js, without the types of a page": { module: "nodenext", lib: ["es2022"], types: ["node"] },
};
for (const [name, options] of Object.entries(settings)) {
  test(`the README compiles in strict mode for ${name}`, async () => {
    // fetch is the platform's, in both directions.
    const assignable = `
      export const given: typeof globalThis.fetch = client.fetch;
      const options = { sessions: "", application: [], appVersion: "" };
      new SessionClient({ ...options, platform: "", fetch: given });
      // @ts-expect-error a platform is required
      new SessionClient(options);
      // @ts-expect-error a method of a request is a string
      void client.fetch("", { method: 1 });
    `;
    writeFileSync(join(app, "main.ts"), snippet() + assignable);
    const compilerOptions = { target: "es2022", noEmit: true, ...strict, ...options };
    writeFileSync(
      join(app, "tsconfig.json"),
      JSON.stringify({ compilerOptions, files: ["main.ts"] }),
    );
    await run(app, process.execPath, compiler);
  });
}

test("the README runs", async () => {
  const { worlds, end } = await startWorlds();
  try {
    const world = await (await fetch(worlds, { method: "POST", body: "{}" })).json();
    const lines = snippet()
      .replace("https://sessions.example.com", world.sessions)
      .replace(`application: "https://api.example.com"`, `application: "${world.application}"`)
      .replace("https://api.example.com/orders", `${world.application}/echo`);
    writeFileSync(join(app, "main.mjs"), lines);
    assert.equal(await run(app, process.execPath, "main.mjs"), "200\n");
    const seen = await (await fetch(`${world.control}/seen`)).json();
    assert.equal(seen.issued, 1);
  } finally {
    end();
  }
});
