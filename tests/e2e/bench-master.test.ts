/** The benchmark of whole masters at small sizes: it measures what it says, and loses no task on the way. */
import { expect, test } from "bun:test";
import { resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "../..");
const TIMEOUT_MS = 90_000;

type Figures = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

async function bench(...options: string[]): Promise<Figures> {
  const command = [process.execPath, "scripts/bench.ts", "master", ...options];
  const child = Bun.spawn(command, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  const [output, progress] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const last = output.trimEnd().split("\n").at(-1) ?? "";
  if (!last.startsWith("{")) throw new Error(`The benchmark ended without figures:\n${progress}`);
  return (JSON.parse(last) as { figures: Figures }).figures;
}

test(
  "bench master --quick: agents register, tasks run, all is back after the leader's end",
  async () => {
    const figures = await bench("--quick");
    expect(figures["short"]?.["acceptToRunningMs"]).toMatchObject({ n: 500 });
    expect(figures["reconcile"]).toMatchObject({ running: 500, lost: 0 });
    expect(figures["failover"]?.["allAgentsMs"]).toBeGreaterThan(0);
    expect(figures["register"]?.["longestTurnMs"]).toBeNumber();
  },
  TIMEOUT_MS,
);

test(
  "bench master --noisy: a quiet framework is served beside one that floods the leader",
  async () => {
    const figures = await bench("--noisy", "--short", "100");
    const beside = figures["quietBesideFlood"];
    expect(beside?.["acceptToRunningMs"]).toMatchObject({ n: 100 });
    expect(beside?.["floodCallsPerS"]).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);
