/** Many agents of load-agent.ts in this process, and when all of them are registered. */
import { HttpPool } from "./http-pool.ts";
import { type FleetPort, type LeaderPlace, LoadAgent } from "./load-agent.ts";

/** Connections on which agents ask one master who leads. */
const LOOKUP_CONNECTIONS = 32;
const RETRY_SWEEP_MS = 1_000;

export class Fleet implements FleetPort {
  readonly #agents: readonly LoadAgent[];
  readonly #ports: readonly number[];
  #lookups: HttpPool[];
  #first = 0;
  #registered = 0;
  #all = Promise.withResolvers<number>();
  readonly #sweep: ReturnType<typeof setInterval>;
  readonly problems: string[] = [];

  /** `ports`: HTTP ports of the masters on 127.0.0.1. */
  constructor(size: number, ports: readonly number[]) {
    this.#ports = ports;
    this.#lookups = ports.map((port) => new HttpPool(port, LOOKUP_CONNECTIONS));
    this.#agents = Array.from({ length: size }, (_, index) => new LoadAgent(this, index));
    this.#sweep = setInterval(() => {
      const nowMs = performance.now();
      for (const agent of this.#agents) agent.retry(nowMs);
    }, RETRY_SWEEP_MS);
  }

  get registeredCount(): number {
    return this.#registered;
  }

  /** Tasks that agents know of. */
  get taskCount(): number {
    return this.#agents.reduce((sum, agent) => sum + agent.taskCount, 0);
  }

  start(): void {
    for (const agent of this.#agents) agent.start();
  }

  /** The time (performance.now) at which the last of all agents was registered. */
  allRegistered(): Promise<number> {
    return this.#all.promise;
  }

  /** When all have lost their links and were registered again; to be asked before they lose them. */
  allReturned(): Promise<number> {
    this.#all = Promise.withResolvers();
    return this.#all.promise;
  }

  stop(): void {
    clearInterval(this.#sweep);
    for (const agent of this.#agents) agent.stop();
    for (const pool of this.#lookups) pool.close();
    this.#lookups = [];
  }

  /** Asks the masters in turn, beginning with another each time. */
  async findLeader(): Promise<LeaderPlace | undefined> {
    const first = this.#first++;
    for (let turn = 0; turn < this.#ports.length; turn++) {
      const pool = this.#lookups[(first + turn) % this.#ports.length];
      try {
        const answer = await pool?.request("GET", "/mesh/leader", { Accept: "application/json" });
        if (answer?.status !== 200) continue;
        const { link } = JSON.parse(answer.body) as { link: LeaderPlace };
        return { hostname: link.hostname, port: link.port };
      } catch {
        // That master is gone.
      }
    }
    return undefined;
  }

  registered(): void {
    this.#registered++;
    if (this.#registered === this.#agents.length) this.#all.resolve(performance.now());
  }

  lost(): void {
    this.#registered--;
  }

  problem(text: string): void {
    this.problems.push(text);
  }
}
