// Writes what is published into dist: one module, and one file of its types.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buildSync } from "esbuild";

const compiler = join(
  dirname(createRequire(import.meta.url).resolve("typescript/package.json")),
  "bin",
  "tsc",
);
// The files that declare what index.ts exports; it exports all that they export.
const declared = [
  "errors",
  "storage",
  "browser_storage",
  "key",
  "browser_key",
  "memory_key",
  "client",
];

rmSync("dist", { recursive: true, force: true });
mkdirSync("dist");
buildSync({
  entryPoints: ["src/index.ts"],
  bundle: true,
  format: "esm",
  target: "es2022",
  outfile: "dist/index.js",
});
const types = mkdtempSync(join(tmpdir(), "types-"));
execFileSync(process.execPath, [compiler, "--emitDeclarationOnly", "--outDir", types], {
  stdio: "inherit",
});
const text = declared.map((name) => readFileSync(join(types, `${name}.d.ts`), "utf8")).join("");
writeFileSync(
  "dist/index.d.ts",
  `${text.replaceAll(/^(import .*|export \{\};)\n/gm, "")}export {};\n`,
);
rmSync(types, { recursive: true });
