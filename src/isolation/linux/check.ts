/** Carries out checks of containers, so many at once: commands inside of them, ports in their network. */
import { COMMAND_CHECKS_UNDER_WAY_MAX, NETWORK_CHECKS_UNDER_WAY_MAX } from "../../base/limits.ts";
import type { CheckProbe, CheckResult, NetworkCheck, NetworkProbe, Within } from "../check.ts";
import type { Images } from "../runtime.ts";
import type { Host } from "../tools.ts";
import { CONTAINER_ENDED, CommandCheck } from "./command-check.ts";
import type { ContainerNetworks } from "./container-networks.ts";
import type { ProcessTable } from "./process-table.ts";
import type { Tracked } from "./tracked.ts";
import { LoopTurns, Turns } from "./turns.ts";

/** What setTimeout can count. */
const TIMER_MAX_MS = 2 ** 31 - 1;

export class Checker {
  readonly #command: CommandCheck;
  readonly #network: NetworkCheck;
  readonly #commandTurns = new Turns(COMMAND_CHECKS_UNDER_WAY_MAX);
  readonly #networkTurns = new Turns(NETWORK_CHECKS_UNDER_WAY_MAX);
  readonly #spawns = new LoopTurns();

  readonly #networks: ContainerNetworks | undefined;

  /** @param network absent: nothing is checked over the network */
  constructor(
    host: Host,
    table: ProcessTable,
    runtimeDirectory: string,
    networks: ContainerNetworks | undefined,
    network: NetworkCheck | undefined,
    images: Images | undefined,
  ) {
    this.#networks = networks;
    this.#command = new CommandCheck(host, table, runtimeDirectory, images);
    this.#network = network ?? noNetworkChecks;
  }

  /** Whether the process was spawned for a command that is under way. */
  runs(pid: number): boolean {
    return this.#command.runs(pid);
  }

  /** @param ended aborts when the container has ended, or nobody wants to know any more */
  async check(
    tracked: Tracked,
    probe: CheckProbe,
    timeoutMs: number | undefined,
    ended: AbortSignal,
  ): Promise<CheckResult> {
    const turns = probe.kind === "command" ? this.#commandTurns : this.#networkTurns;
    await turns.take();
    try {
      if (probe.kind === "command") await this.#spawns.next();
      return ended.aborted ? CONTAINER_ENDED : await this.#timed(tracked, probe, timeoutMs, ended);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { kind: "untried", reason: `it failed unforeseen: ${reason}` };
    } finally {
      turns.giveBack();
    }
  }

  async #timed(
    tracked: Tracked,
    probe: CheckProbe,
    timeoutMs: number | undefined,
    ended: AbortSignal,
  ): Promise<CheckResult> {
    const stop = new AbortController();
    const onEnd = (): void => stop.abort();
    let timedOut = false;
    const onTimeout = (): void => {
      timedOut = true;
      stop.abort();
    };
    ended.addEventListener("abort", onEnd);
    const timer =
      timeoutMs === undefined ? undefined : setTimeout(onTimeout, Math.min(timeoutMs, TIMER_MAX_MS));
    try {
      const result =
        probe.kind === "command"
          ? await this.#command.run(tracked, probe, stop.signal)
          : await this.#network(probe, addressOf(probe), stop.signal, this.#within(tracked));
      if (ended.aborted) return CONTAINER_ENDED;
      return timedOut ? { kind: "failed", reason: `it took longer than ${timeoutMs} ms` } : result;
    } finally {
      clearTimeout(timer);
      ended.removeEventListener("abort", onEnd);
    }
  }

  /** A task may listen where only its own network sees it. */
  #within({ record }: Tracked): Within | undefined {
    const networks = this.#networks;
    if (networks === undefined || !record.namespaces.includes("net")) return undefined;
    return (open) => networks.within(record, open);
  }
}

const noNetworkChecks: NetworkCheck = async () => ({
  kind: "untried",
  reason: "this agent makes no checks over the network",
});

/** As Mesos: of the host, or of the task's own network. */
function addressOf(probe: NetworkProbe): string {
  return probe.protocol === "IPv6" ? "::1" : "127.0.0.1";
}
