/**
 * The runtime port without processes: containers are rows in a `MemoryMachine`
 * whose clock only moves when told, so that simulations repeat exactly. The
 * machine outlives a runtime as a kernel outlives an agent process.
 */
import { assert } from "../../src/base/assert.ts";
import { fail, ok, type Result } from "../../src/base/result.ts";
import type { CheckProbe, CheckResult } from "../../src/isolation/check.ts";
import {
  type ContainerResources,
  type ContainerSpec,
  describeExit,
  type Exit,
  type Limitation,
} from "../../src/isolation/container.ts";
import { invalidSpec } from "../../src/isolation/invalid-spec.ts";
import type {
  ContainerState,
  Fetch,
  LaunchError,
  Launched,
  Runtime,
  RuntimeCapabilities,
} from "../../src/isolation/runtime.ts";
import type { ProgramInput, Session } from "../../src/isolation/session.ts";
import { limitStatistics } from "../../src/isolation/statistics.ts";
import type { ResourceStatistics } from "../../src/model/v1/statistics.ts";

/** What a program will do. */
export interface Behaviour {
  /** How long it runs by itself; for ever when absent. */
  readonly runMs?: number;
  readonly exit: Exit;
  readonly ignoresTerm: boolean;
}

interface Row {
  readonly spec: ContainerSpec;
  readonly behaviour: Behaviour;
  readonly launched: Launched;
  readonly endsAtMs: number;
  exit?: Exit;
  /** As last updated. */
  resources?: ContainerResources;
  /** Ended without a record. */
  gone: boolean;
}

const CAPABILITIES: RuntimeCapabilities = {
  form: "linux",
  namespaces: ["pid", "mount", "ipc", "uts"],
  cgroupRoot: "/memory",
  switchUser: true,
  commandChecks: true,
  missing: [],
};
const HOST = { tools: { shell: "/bin/sh" }, capabilities: CAPABILITIES, procfs: true };
const SIGTERM = 15;
const SIGKILL = 9;

export class MemoryMachine {
  nowMs = 0;
  readonly rows = new Map<string, Row>();
  /** Programs that were ever started, by container id: for "at most once" checks. */
  readonly starts = new Map<string, number>();
  /** Above what Linux gives, so that nobody takes one for a real process. */
  #nextPid = 10_000_000;
  #listener: (containerId: string) => void = () => {};

  /** The runtime of the present agent process hears of ends. */
  attach(listener: (containerId: string) => void): void {
    this.#listener = listener;
  }

  start(spec: ContainerSpec, behaviour: Behaviour): Launched {
    const launched = { pid: this.#nextPid++, startTime: String(this.nowMs) };
    const endsAtMs = behaviour.runMs === undefined ? Number.POSITIVE_INFINITY : this.nowMs + behaviour.runMs;
    this.rows.set(spec.containerId, { spec, behaviour, launched, endsAtMs, gone: false });
    this.starts.set(spec.containerId, (this.starts.get(spec.containerId) ?? 0) + 1);
    return launched;
  }

  /** When the next program ends by itself; undefined when none will. */
  nextEndMs(): number | undefined {
    const ends = [...this.rows.values()].filter(isRunning).map((row) => row.endsAtMs);
    const next = Math.min(...ends);
    return Number.isFinite(next) ? next : undefined;
  }

  /** Moves the clock; programs end at their time, in order. */
  advanceTo(ms: number): void {
    for (let next = this.nextEndMs(); next !== undefined && next <= ms; next = this.nextEndMs()) {
      this.nowMs = Math.max(this.nowMs, next);
      for (const row of this.rows.values()) {
        if (isRunning(row) && row.endsAtMs <= next) this.end(row, row.behaviour.exit);
      }
    }
    this.nowMs = Math.max(this.nowMs, ms);
  }

  end(row: Row, exit: Exit): void {
    row.exit = exit;
    this.#listener(row.spec.containerId);
  }

  /** The supervisor is killed: the container ends and nothing records how. */
  loseSupervisor(containerId: string): void {
    const row = this.rows.get(containerId);
    assert(row !== undefined && isRunning(row), `Container ${containerId} must be running`);
    row.gone = true;
    this.#listener(containerId);
  }

  /** All processes and records are gone. */
  reboot(): void {
    this.rows.clear();
  }
}

function isRunning(row: Row): boolean {
  return row.exit === undefined && !row.gone;
}

export interface MemoryRuntimeOptions {
  readonly fetch?: Fetch;
  /** Decides what programs do; default: `behaviourOfScript`. */
  readonly behaviour?: (spec: ContainerSpec) => Behaviour;
  /** The failing variant: launches for which it gives an error fail with it. */
  readonly failLaunch?: (spec: ContainerSpec) => LaunchError | undefined;
  /** Decides what comes of checks; default: commands as `behaviourOfScript`, and no port is open. */
  readonly check?: (containerId: string, probe: CheckProbe) => CheckResult;
  /** The failing variant: kills for which it gives a message fail with it. */
  readonly failKill?: (containerId: string) => string | undefined;
}

export class MemoryRuntime implements Runtime {
  readonly capabilities = CAPABILITIES;
  readonly #machine: MemoryMachine;
  readonly #options: MemoryRuntimeOptions;
  readonly #followed = new Set<string>();
  readonly #launching = new Map<string, AbortController>();
  #listener: (containerId: string, exit: Exit) => void = () => {};

  constructor(machine: MemoryMachine, options: MemoryRuntimeOptions = {}) {
    this.#machine = machine;
    this.#options = options;
    machine.attach((id) => this.#ended(id));
  }

  onExit(listener: (containerId: string, exit: Exit) => void): void {
    this.#listener = listener;
  }

  #ended(id: string): void {
    // Never before `launch` has resolved for its caller.
    if (!this.#followed.delete(id)) return;
    const row = this.#machine.rows.get(id);
    if (row !== undefined) this.#listener(id, row.exit ?? unknownExit);
  }

  async launch(spec: ContainerSpec): Promise<Result<Launched, LaunchError>> {
    const id = spec.containerId;
    const problem = invalidSpec(spec, HOST);
    if (problem !== undefined) return fail({ step: "validate", message: problem });
    if (this.#machine.rows.has(id) || this.#launching.has(id)) {
      return fail({
        step: "validate",
        message: `Container "${id}" exists already; container ids are used once`,
      });
    }
    const planned = this.#options.failLaunch?.(spec);
    if (planned !== undefined) return fail(planned);
    const cancel = new AbortController();
    this.#launching.set(id, cancel);
    const fetched = await this.#fetch(spec, cancel.signal);
    this.#launching.delete(id);
    if (cancel.signal.aborted) return fail({ step: "cancelled", message: "Killed before the start" });
    if (!fetched.ok) return fail({ step: "fetch", message: fetched.error });
    const launched = this.#machine.start(spec, (this.#options.behaviour ?? behaviourOfScript)(spec));
    this.#followed.add(id);
    return ok(launched);
  }

  async #fetch(spec: ContainerSpec, signal: AbortSignal): Promise<Result<void>> {
    if (spec.uris.length === 0 || this.#options.fetch === undefined) return ok(undefined);
    return await this.#options.fetch(spec.uris, spec.sandbox, undefined, signal);
  }

  async signal(containerId: string, signal: "SIGTERM" | "SIGKILL" | number): Promise<void> {
    const row = this.#machine.rows.get(containerId);
    if (row === undefined || !isRunning(row)) return;
    const number = { SIGTERM, SIGKILL }[signal] ?? Number(signal);
    if (number === SIGTERM && row.behaviour.ignoresTerm) return;
    this.#machine.end(row, { kind: "signaled", signal: number });
  }

  openSession(): Result<Session> {
    return fail("programs of this machine are rows of a table");
  }

  openInput(): Result<ProgramInput> {
    return fail("programs of this machine read nothing");
  }

  async kill(containerId: string, limitation?: Limitation): Promise<Result<void>> {
    const planned = this.#options.failKill?.(containerId);
    if (planned !== undefined) return fail(planned);
    if (limitation !== undefined) {
      const row = this.#machine.rows.get(containerId);
      if (row !== undefined && isRunning(row))
        this.#machine.end(row, { kind: "signaled", signal: SIGKILL, limitation });
      return ok(undefined);
    }
    this.#launching.get(containerId)?.abort();
    await this.signal(containerId, "SIGKILL");
    return ok(undefined);
  }

  async inspect(containerId: string): Promise<ContainerState> {
    const row = this.#machine.rows.get(containerId);
    if (row === undefined || row.gone) return { state: "gone" };
    return row.exit === undefined
      ? { state: "running", launched: row.launched }
      : { state: "ended", exit: row.exit };
  }

  async statistics(containerId: string): Promise<ResourceStatistics | undefined> {
    const row = this.#machine.rows.get(containerId);
    if (row === undefined || !isRunning(row)) return undefined;
    const resources = row.resources ?? row.spec.resources;
    return { timestamp: this.#machine.nowMs / 1_000, ...limitStatistics(resources, false) };
  }

  async listening(): Promise<ReadonlyMap<string, readonly number[]>> {
    return new Map();
  }

  async update(containerId: string, resources: ContainerResources): Promise<Result<void>> {
    const row = this.#machine.rows.get(containerId);
    if (row === undefined || !isRunning(row)) return fail(`Container "${containerId}" does not run`);
    row.resources = resources;
    return ok(undefined);
  }

  async recover(containerIds: readonly string[]): Promise<ReadonlyMap<string, ContainerState>> {
    const states = new Map<string, ContainerState>();
    for (const id of containerIds) {
      const state: ContainerState = this.#machine.rows.has(id)
        ? await this.inspect(id)
        : { state: "never-started" };
      states.set(id, state);
      if (state.state === "running") this.#followed.add(id);
    }
    return states;
  }

  async listOrphans(): Promise<readonly string[]> {
    const orphans = [...this.#machine.rows.values()].filter(
      (row) => isRunning(row) && !this.#followed.has(row.spec.containerId),
    );
    return orphans.map((row) => row.spec.containerId).sort();
  }

  async check(containerId: string, probe: CheckProbe, timeoutMs: number | undefined): Promise<CheckResult> {
    const row = this.#machine.rows.get(containerId);
    if (row === undefined || !isRunning(row)) {
      return { kind: "untried", reason: "the container does not run" };
    }
    const { check } = this.#options;
    if (check !== undefined) return check(containerId, probe);
    if (probe.kind !== "command") return { kind: "connected", connected: false };
    const { runMs = 0, exit } = behaviourOfScript(probe.spec);
    if (runMs > (timeoutMs ?? Number.POSITIVE_INFINITY)) {
      return { kind: "failed", reason: `it took longer than ${timeoutMs} ms` };
    }
    return exit.kind === "exited" ? exit : { kind: "failed", reason: describeExit(exit) };
  }

  async cleanup(containerId: string): Promise<void> {
    const row = this.#machine.rows.get(containerId);
    if (row !== undefined && !isRunning(row)) this.#machine.rows.delete(containerId);
  }

  async close(): Promise<void> {
    this.#followed.clear();
  }
}

const unknownExit: Exit = { kind: "unknown", reason: "its supervisor ended without a record" };

/** Understands the few shell scripts that tests use, such as `trap "" TERM; sleep 5; exit 3`. */
export function behaviourOfScript(spec: ContainerSpec): Behaviour {
  const { command } = spec;
  assert(command.kind !== "image", "The memory runtime has no images");
  const script =
    command.kind === "shell" ? command.script : [command.file, ...command.argv.slice(1)].join(" ");
  let runMs = 0;
  let ignoresTerm = false;
  let exit: Exit = { kind: "exited", code: 0 };
  for (const part of script.split(";").map((each) => each.trim())) {
    const [word = "", argument = "0"] = part.replace(/^exec /, "").split(" ");
    if (word === "sleep") runMs += Number(argument) * 1_000;
    else if (word === "trap") ignoresTerm = true;
    else if (word === "exit") exit = { kind: "exited", code: Number(argument) };
    else if (word === "false") exit = { kind: "exited", code: 1 };
    else if (word === "kill") exit = { kind: "signaled", signal: Math.abs(Number(argument)) };
    else assert(word === "true" || word === ":", `The memory runtime cannot run "${part}"`);
  }
  return { runMs, exit, ignoresTerm };
}
