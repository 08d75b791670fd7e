/**
 * A soak of the built binary: rounds of tasks under faults drawn from a seed,
 * each followed by a look at everything that was promised. Real processes
 * never do the same twice: a seed gives the same faults and tasks, not the
 * same run. tests/sim/ is where runs can be repeated.
 *
 *     soak.ts            the rounds
 *     soak-cluster.ts    processes, disks
 *     soak-framework.ts  what frameworks are told, and may be
 *     soak-workload.ts   tasks
 *     soak-faults.ts     faults
 *     soak-promises.ts   what must hold after a round
 */
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import { eventually } from "../e2e/test-cluster.ts";
import { SoakCluster, type SoakNetwork } from "./soak-cluster.ts";
import { FAULTS, type FaultName } from "./soak-faults.ts";
import { SoakFramework } from "./soak-framework.ts";
import { checkCluster, checkNothingLeft, checkStarts } from "./soak-promises.ts";
import { SoakWorkload, serveUris } from "./soak-workload.ts";

const FRAMEWORKS = 3;
const ROUND_MS = 15_000;
const LAUNCHES = 25;
const FAULTS_A_ROUND = 10;
const SETTLE_MS = 90_000;
const RECONCILE_MS = 4_000;

export interface SoakOptions {
  readonly seed: number;
  readonly rounds: number;
  /** None named: all. */
  readonly only: readonly FaultName[];
}

export class Soak implements AsyncDisposable {
  readonly violations: string[] = [];
  readonly #options: SoakOptions;
  readonly #random: Random;
  readonly #cluster: SoakCluster;
  readonly #frameworks: readonly SoakFramework[];
  readonly #uris: Bun.Server<undefined>;
  readonly #workload: SoakWorkload;
  readonly #started: string;

  constructor(options: SoakOptions, network: SoakNetwork) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#cluster = new SoakCluster(network, say);
    this.#started = join(this.#cluster.directory, "started");
    writeFileSync(this.#started, "");
    chmodSync(this.#started, 0o666);
    this.#uris = serveUris(network.hub, this.#random);
    this.#workload = new SoakWorkload(this.#random, this.#started, this.#uris.url.href);
    for (const one of this.#cluster.all) one.start();
    this.#frameworks = Array.from(
      { length: FRAMEWORKS },
      (_, i) =>
        new SoakFramework(`soak-${i}`, this.#cluster.addresses, options.seed + i, (what) =>
          this.#violate(what),
        ),
    );
  }

  async run(): Promise<void> {
    for (let round = 1; round <= this.#options.rounds; round++) {
      await this.#settle();
      await this.#round(round);
      await this.#settle();
      for (const framework of this.#frameworks) {
        for (const task of framework.open) if (this.#random.below(2) === 0) await framework.kill(task);
      }
      await this.#settle();
      await this.#check(round);
    }
    for (const framework of this.#frameworks) {
      for (const task of framework.open) await framework.kill(task);
    }
    await this.#settle();
    for (const framework of this.#frameworks) framework.close();
    for (const one of [...this.#cluster.agents, ...this.#cluster.masters]) await one.kill("SIGTERM");
    checkNothingLeft(this.#cluster, (what) => this.#violate(what));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const framework of this.#frameworks) framework.close();
    await this.#uris.stop(true);
    await this.#cluster[Symbol.asyncDispose]();
  }

  #violate(what: string): void {
    this.violations.push(what);
    say(`VIOLATION: ${what}`);
  }

  async #round(round: number): Promise<void> {
    const random = this.#random;
    const names = this.#options.only.length > 0 ? this.#options.only : (Object.keys(FAULTS) as FaultName[]);
    const draw = (): { atMs: number; name: FaultName } => ({
      atMs: random.below(ROUND_MS),
      name: names[random.below(names.length)] as FaultName,
    });
    const faults = Array.from({ length: FAULTS_A_ROUND }, draw).sort((a, b) => a.atMs - b.atMs);
    say(
      `round ${round}: ${faults.map(({ atMs, name }) => `${(atMs / 1000).toFixed(1)} s ${name}`).join(", ")}`,
    );
    const scene = { cluster: this.#cluster, frameworks: this.#frameworks, random };
    const under = faults.map(async ({ atMs, name }) => {
      await Bun.sleep(atMs);
      await FAULTS[name](scene);
    });
    for (let i = 0; i < LAUNCHES; i++) {
      for (const framework of this.#frameworks) void framework.launch(this.#workload.next());
      await Bun.sleep(ROUND_MS / LAUNCHES);
    }
    await Promise.all(under);
  }

  /** Until all that was launched has ended or runs until it is killed. */
  async #settle(): Promise<void> {
    const unsettled = (): string[] =>
      this.#frameworks.flatMap(({ open, waiting }) => [
        ...waiting.flat().map(({ id }) => `${id} waits for an offer`),
        ...open
          .filter(({ endless, isKilled, told }) => !endless || isKilled || told.length === 0)
          .map(({ id, isKilled, told }) => `${id} ${told.at(-1)?.state}${isKilled ? ", killed" : ""}`),
      ]);
    let asked = 0;
    await eventually(
      "all to settle",
      async () => {
        if (performance.now() - asked > RECONCILE_MS) {
          asked = performance.now();
          await this.#serveAgain();
          for (const framework of this.#frameworks) await framework.reconcile();
        }
        return this.#frameworks.every(({ isSubscribed }) => isSubscribed) && unsettled().length === 0;
      },
      SETTLE_MS,
    ).catch(() =>
      this.#violate(`not settled in ${SETTLE_MS / 1000} s: ${unsettled().slice(0, 10).join("; ")}`),
    );
  }

  /** A command of a fault may have met masters that did not answer. */
  async #serveAgain(): Promise<void> {
    const { slaves } = await this.#cluster.get<{ slaves: { hostname: string; active: boolean }[] }>(
      "/slaves",
    );
    for (const { name } of this.#cluster.agents) {
      if (slaves.some(({ active, hostname }) => active && hostname === name)) continue;
      await this.#cluster.mesh("node", "up", name);
      await this.#cluster.mesh("node", "reactivate", name);
    }
  }

  async #check(round: number): Promise<void> {
    const violate = (what: string): void => this.#violate(what);
    checkStarts(this.#started, this.#frameworks, violate);
    await checkCluster(this.#cluster, this.#frameworks, violate);
    const tasks = this.#frameworks.reduce((sum, framework) => sum + framework.tasks.size, 0);
    const memory = this.#cluster.all.map(({ name, residentMib }) => `${name} ${residentMib}`).join(", ");
    say(`round ${round}: ${tasks} tasks so far, ${this.violations.length} violations; MiB: ${memory}`);
  }
}

function say(text: string): void {
  console.log(`${new Date().toISOString().slice(11, 23)} ${text}`);
}
