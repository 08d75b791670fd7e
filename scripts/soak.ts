/**
 * Three masters and three agents of dist/mesh under faults, for as long as wanted; needs root, ip and tc.
 *
 *     bun scripts/soak.ts                                    5 rounds of a random seed
 *     bun scripts/soak.ts --seed 7 --rounds 100
 *     bun scripts/soak.ts --only agentKilled,masterFull      these faults alone
 *
 * The first process makes network namespaces, the second runs in the one where the frameworks are.
 */
import { parseArgs } from "node:util";
import { HUB_ADDRESS, Namespaces } from "../tests/e2e/net-namespaces.ts";
import { Soak } from "../tests/soak/soak.ts";
import { AGENTS, MASTERS } from "../tests/soak/soak-cluster.ts";
import { FAULTS, type FaultName } from "../tests/soak/soak-faults.ts";

const INNER = "MESH_SOAK_NETWORK";

async function outer(): Promise<number> {
  using network = new Namespaces(MASTERS + AGENTS);
  const command = network.enter("hub", [process.execPath, import.meta.path, ...process.argv.slice(2)]);
  const inner = Bun.spawn(command, {
    env: { ...process.env, [INNER]: network.name },
    stdio: ["ignore", "inherit", "inherit"],
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => inner.kill(signal));
  return await inner.exited;
}

async function inner(name: string): Promise<number> {
  const { values } = parseArgs({
    options: { seed: { type: "string" }, rounds: { type: "string" }, only: { type: "string" } },
  });
  const seed = Number(values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
  const only = (values.only?.split(",") ?? []) as FaultName[];
  const unknown = only.filter((one) => !Object.hasOwn(FAULTS, one));
  if (unknown.length > 0) {
    throw new Error(`There is no fault "${unknown.join()}", but: ${Object.keys(FAULTS).join(", ")}`);
  }
  console.log(`seed ${seed}`);
  const network = new Namespaces(MASTERS + AGENTS, name);
  await using soak = new Soak(
    { seed, rounds: Number(values.rounds ?? 5), only },
    {
      hub: HUB_ADDRESS,
      address: (i) => network.address(i),
      on: (i, command) => network.enter(i, command),
      cutOff: (i) => network.cutOff(i),
      healOff: (i) => network.healOff(i),
      cutOneWay: (from, to) => network.cutOneWay(from, to),
      healOneWay: (from, to) => network.healOneWay(from, to),
    },
  );
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => void soak[Symbol.asyncDispose]().then(() => process.exit(1)));
  }
  await soak.run();
  console.log(`${soak.violations.length} violations, seed ${seed}`);
  return soak.violations.length === 0 ? 0 : 1;
}

const name = process.env[INNER];
process.exitCode = name === undefined ? await outer() : await inner(name);
