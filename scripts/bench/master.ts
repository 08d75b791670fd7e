/**
 * Three masters of dist/mesh with thousands of agents and a busy framework, all over real sockets; agents
 * and framework are simulated in this process, which shares the machine with the masters. In turn: all
 * agents register; short tasks are launched and finish; lasting tasks are launched; the leader is killed,
 * everybody finds the new one, and the framework asks for all of its tasks.
 * Options: `--agents N` (default 10,000), `--tasks N` lasting ones (default ten for each agent), `--short N`
 * (default 50,000), `--inflight N` tasks under way (default 2,000), `--quick` for small numbers;
 * `--noisy` measures something else: how long a quiet framework's tasks take from ACCEPT to TASK_RUNNING,
 * `--short` of them, one at a time, alone and beside one that floods the leader with calls;
 * `--profile DIR` makes the masters write a processor profile, and leaves out the kill.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Fleet } from "../load/fleet.ts";
import { LoadFramework } from "../load/load-framework.ts";
import { MastersView } from "../load/masters-view.ts";
import { Masters } from "../raft/masters.ts";
import { spread } from "./lib.ts";

const PER_ACCEPT = 10;
const CONNECTIONS = 128;
/** Runs the code in, and is not counted. */
const WARM_UP_SHARE = 0.2;
/** Tasks of the quiet framework in each part of `--noisy`, unless --short says how many. */
const QUIET_TASKS = 300;
const FLOOD = join(import.meta.dir, "../load/flood.ts");
const FLOOD_CONNECTIONS = 256;
const PROGRESS_MS = 2_000;
const POLL_MS = 5;
const RECONCILE_TIMEOUT_MS = 60_000;

interface Sizes {
  readonly agents: number;
  readonly lasting: number;
  readonly short: number;
  readonly inflight: number;
}

class MasterBench {
  readonly #masters: Masters;
  readonly #sizes: Sizes;
  readonly #view: MastersView;
  readonly #fleet: Fleet;
  readonly #framework: LoadFramework;
  readonly #progress: ReturnType<typeof setInterval>;
  #flood: Bun.Subprocess | undefined;
  readonly figures: Record<string, unknown> = {};

  constructor(masters: Masters, sizes: Sizes) {
    const ports = masters.places.map(({ port }) => port);
    this.#masters = masters;
    this.#sizes = sizes;
    this.#view = new MastersView(masters);
    this.#fleet = new Fleet(sizes.agents, ports);
    this.#framework = new LoadFramework({ name: "load", role: "load", ports, connections: CONNECTIONS });
    this.#progress = setInterval(() => this.#say("…"), PROGRESS_MS);
  }

  stop(): void {
    clearInterval(this.#progress);
    this.#flood?.kill("SIGKILL");
    this.#framework.stop();
    this.#fleet.stop();
  }

  async register(): Promise<void> {
    await this.#step("register", async () => {
      const startMs = performance.now();
      this.#fleet.start();
      return { ms: Math.round((await this.#fleet.allRegistered()) - startMs) };
    });
  }

  async subscribe(): Promise<void> {
    await this.#step("firstOffers", async () => {
      const startMs = performance.now();
      const offers = this.#framework.next("OFFERS");
      void this.#framework.run();
      const firstMs = (await offers) - startMs;
      await this.#offersOfAll();
      return { firstMs: Math.round(firstMs), allMs: Math.round(performance.now() - startMs) };
    });
  }

  async finish(): Promise<void> {
    const { short, inflight } = this.#sizes;
    const plan = { lasting: false, perAccept: PER_ACCEPT, inflight };
    await this.#framework.launch({ ...plan, tasks: Math.ceil(short * WARM_UP_SHARE) });
    await this.#step("short", () => this.#launch({ ...plan, tasks: short }));
  }

  async fill(): Promise<void> {
    const { lasting, inflight } = this.#sizes;
    await this.#step("lasting", () =>
      this.#launch({ tasks: lasting, lasting: true, perAccept: PER_ACCEPT, inflight }),
    );
  }

  async kill(): Promise<void> {
    await this.#offersOfAll();
    const leader = await this.#masters.leader();
    await this.#step("failover", async () => {
      const back = this.#fleet.allReturned();
      const [subscribed, offers] = [this.#framework.next("SUBSCRIBED"), this.#framework.next("OFFERS")];
      const killedMs = performance.now();
      this.#masters.signal(leader, "SIGKILL");
      const since = async (time: Promise<number>) => Math.round((await time) - killedMs);
      return {
        subscribedMs: await since(subscribed),
        offersMs: await since(offers),
        allAgentsMs: await since(back),
      };
    });
    await this.#step("reconcile", () => this.#reconcile());
  }

  async #reconcile(): Promise<Record<string, unknown>> {
    const { lasting } = this.#sizes;
    const startMs = performance.now();
    const states = await this.#framework.reconcile(lasting, RECONCILE_TIMEOUT_MS);
    const ms = Math.round(performance.now() - startMs);
    const running = [...states.values()].filter((state) => state === "TASK_RUNNING").length;
    return { ms, running, lost: lasting - running };
  }

  async #launch(plan: Parameters<LoadFramework["launch"]>[0]): Promise<Record<string, unknown>> {
    const startMs = performance.now();
    const { runningMs } = await this.#framework.launch(plan);
    const tasksPerS = Math.round(plan.tasks / ((performance.now() - startMs) / 1000));
    return { tasksPerS, acceptToRunningMs: spread(runningMs), again: this.#framework.launchedAgain };
  }

  async #offersOfAll(): Promise<void> {
    while (this.#framework.agentsOffered < this.#sizes.agents) await Bun.sleep(POLL_MS);
  }

  async #step(name: string, run: () => Promise<Record<string, unknown>>): Promise<void> {
    await this.#view.begin();
    const found = await run();
    const figures = { ...found, ...(await this.#view.passed()) };
    this.figures[name] = figures;
    this.#say(`${name}: ${JSON.stringify(figures)}`);
    this.#tellProblems();
  }

  /** One task after the other, without and with a framework that floods the leader. */
  async noisy(): Promise<void> {
    const plan = { lasting: false, perAccept: 1, inflight: 1 };
    await this.#framework.launch({ ...plan, tasks: this.#sizes.short });
    await this.#step("quietAlone", () => this.#launch({ ...plan, tasks: this.#sizes.short }));
    const ports = this.#masters.places.map(({ port }) => String(port));
    const flood = Bun.spawn([process.execPath, FLOOD, String(FLOOD_CONNECTIONS), ...ports], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#flood = flood;
    const said = lines(flood.stdout);
    await said.next();
    await this.#step("quietBesideFlood", async () => {
      const startMs = performance.now();
      const figures = await this.#launch({ ...plan, tasks: this.#sizes.short });
      flood.kill("SIGTERM");
      const calls = Number((await said.next()).value);
      return { ...figures, floodCallsPerS: Math.round((calls * 1000) / (performance.now() - startMs)) };
    });
  }

  #tellProblems(): void {
    const counts = new Map<string, number>();
    for (const { problems } of [this.#fleet, this.#framework]) {
      for (const problem of problems.splice(0)) counts.set(problem, (counts.get(problem) ?? 0) + 1);
    }
    for (const [problem, count] of counts) {
      this.#say(`problem, ${count} times: ${problem}`);
      this.figures["problems"] = Number(this.figures["problems"] ?? 0) + count;
    }
  }

  #say(text: string): void {
    const { registeredCount, taskCount } = this.#fleet;
    const { outstanding, heldOffers } = this.#framework;
    const seconds = (performance.now() / 1000).toFixed(1).padStart(6);
    console.error(
      `${seconds} s  ${registeredCount} agents, ${taskCount} tasks, ${outstanding} to do, ${heldOffers} offers  ${text}`,
    );
  }
}

async function* lines(output: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let text = "";
  for await (const chunk of output) {
    text += new TextDecoder().decode(chunk);
    const whole = text.split("\n");
    text = whole.pop() ?? "";
    yield* whole;
  }
}

function options() {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: {
      agents: { type: "string" },
      tasks: { type: "string" },
      short: { type: "string" },
      inflight: { type: "string" },
      quick: { type: "boolean", default: false },
      noisy: { type: "boolean", default: false },
      profile: { type: "string" },
    },
  });
  const agents = Number(values.agents ?? (values.quick || values.noisy ? 50 : 10_000));
  const sizes = {
    agents,
    lasting: Number(values.tasks ?? 10 * agents),
    short: Number(values.short ?? (values.noisy ? QUIET_TASKS : values.quick ? 500 : 50_000)),
    inflight: Number(values.inflight ?? (values.quick ? 200 : 2_000)),
  };
  return { sizes, noisy: values.noisy, profile: values.profile };
}

export async function bench(): Promise<Record<string, unknown>> {
  const { sizes, noisy, profile } = options();
  const environment = profile === undefined ? {} : { BUN_OPTIONS: `--cpu-prof --cpu-prof-dir=${profile}` };
  const masters = await Masters.start(3, environment);
  // Ctrl-C reaches the masters, too; their files are ours.
  const interrupted = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupted.resolve());
  const run = new MasterBench(masters, sizes);
  const steps = async (): Promise<void> => {
    await run.register();
    await run.subscribe();
    if (noisy) await run.noisy();
    else {
      await run.finish();
      await run.fill();
      if (profile === undefined) await run.kill();
    }
    if (profile === undefined) return;
    await Promise.all(masters.places.map((_, i) => masters.stopOne(i, "SIGTERM")));
  };
  try {
    await Promise.race([steps(), interrupted.promise]);
  } finally {
    run.stop();
    await masters[Symbol.asyncDispose]();
  }
  return { ...sizes, ...run.figures };
}
