// Starts test/appworld/serve, the service and the application that the tests talk to.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/**
 * Starts the program at SESSIONCLIENT_WORLD, and returns the URL that starts worlds, and how to end
 * it.
 */
export async function startWorlds() {
  const program = process.env["SESSIONCLIENT_WORLD"];
  if (!program) throw new Error("SESSIONCLIENT_WORLD is not set: run test/clients-typescript.sh");
  const child = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((_, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${program} ended with ${code}`)));
  });
  ended.catch(() => {});
  const late = setTimeout(() => child.kill(), 60_000);
  const line = new Promise((resolve) => createInterface(child.stdout).once("line", resolve));
  const { control } = JSON.parse(await Promise.race([line, ended]));
  clearTimeout(late);
  return { worlds: `${control}/worlds`, end: () => child.stdin.end() };
}
