/**
 * The machine under a simulated agent: containers that live and end on their
 * own, whether or not the agent process does, and leave exit records behind.
 */
import type { Random } from "../../src/base/random.ts";
import type { CheckResult } from "../../src/isolation/check.ts";
import type { ContainerSpec, Exit } from "../../src/isolation/container.ts";
import type { ContainerState, Launched } from "../../src/isolation/runtime.ts";
import { EXECUTOR_COMMAND, type ExecutorHost, SimExecutor } from "./sim-executor.ts";
import type { World } from "./world.ts";

interface Container {
  readonly spec: ContainerSpec;
  readonly launched: Launched;
  exit: Exit | undefined;
  /** The task dies of SIGTERM; false: only of SIGKILL. */
  readonly obedient: boolean;
  executor?: SimExecutor;
}

/** What a task's command does, written as its shell script. */
interface Behaviour {
  readonly runMs: number;
  readonly code: number;
  readonly obedient: boolean;
}

/** Script of a simulated task: `sim <runMs> <exit code> <obedient|stubborn>`. */
export function simScript(behaviour: Behaviour): string {
  return `sim ${behaviour.runMs} ${behaviour.code} ${behaviour.obedient ? "obedient" : "stubborn"}`;
}

/** What a script of {@link simScript} says. */
export function readScript(text: string): Behaviour {
  const [, runMs = "0", code = "0", kind = "obedient"] = text.split(" ");
  return { runMs: Number(runMs), code: Number(code), obedient: kind === "obedient" };
}

const CHECK_SUCCESS = 0.8;
const KILLED: Exit = { kind: "signaled", signal: 9 };
const TERMINATED: Exit = { kind: "signaled", signal: 15 };

function scriptOf({ command }: ContainerSpec): string {
  return command.kind === "shell" ? command.script : "";
}

export class Kernel {
  readonly #world: World;
  readonly #random: Random;
  readonly #containers = new Map<string, Container>();
  /** Told while an agent process lives; records stay for the next one. */
  onExit: ((containerId: string, exit: Exit) => void) | undefined;
  /** Told of the end of every container, whatever the agent does. */
  onEnd: ((spec: ContainerSpec, exit: Exit) => void) | undefined;
  #nextPid = 100;
  /** Where executors find the agent of the machine. */
  executorHost: ExecutorHost | undefined;
  bootId = "boot-1";
  #boots = 1;

  constructor(world: World) {
    this.#world = world;
    this.#random = world.fork();
  }

  launch(spec: ContainerSpec): Launched {
    const behaviour = readScript(scriptOf(spec));
    const launched = { pid: this.#nextPid++, startTime: String(this.#world.nowMs) };
    const container: Container = { spec, launched, exit: undefined, obedient: behaviour.obedient };
    this.#containers.set(spec.containerId, container);
    const host = this.executorHost;
    if (scriptOf(spec) === EXECUTOR_COMMAND && host !== undefined) {
      const end = (exit: Exit): void => this.#end(spec.containerId, exit);
      container.executor = new SimExecutor(this.#world, host, spec, end);
      return launched;
    }
    const boots = this.#boots;
    this.#world.after(behaviour.runMs, () => {
      if (this.#boots === boots) this.#end(spec.containerId, { kind: "exited", code: behaviour.code });
    });
    return launched;
  }

  terminate(containerId: string): void {
    if (this.#containers.get(containerId)?.obedient) {
      this.#world.after(this.#random.below(20), () => this.#end(containerId, TERMINATED));
    }
  }

  /** A port of the task, open or not by chance. */
  check(containerId: string): CheckResult {
    const container = this.#containers.get(containerId);
    if (container === undefined || container.exit !== undefined) {
      return { kind: "untried", reason: "the container does not run" };
    }
    return { kind: "connected", connected: this.#random.chance(CHECK_SUCCESS) };
  }

  kill(containerId: string): void {
    this.#end(containerId, KILLED);
  }

  cleanup(containerId: string): void {
    this.#containers.delete(containerId);
  }

  inspect(containerId: string): ContainerState {
    const container = this.#containers.get(containerId);
    if (container === undefined) return { state: "never-started" };
    if (container.exit === undefined) return { state: "running", launched: container.launched };
    return container.exit.kind === "unknown" ? { state: "gone" } : { state: "ended", exit: container.exit };
  }

  /** Ids of containers that run or left a record. */
  containers(): string[] {
    return [...this.#containers.keys()];
  }

  running(): ContainerSpec[] {
    return [...this.#containers.values()].filter((one) => one.exit === undefined).map((one) => one.spec);
  }

  /** Power failure: every process is gone, records of running ones never come. */
  reboot(): void {
    this.#boots++;
    this.bootId = `boot-${this.#boots}`;
    for (const container of this.#containers.values()) {
      container.executor?.stop();
      container.exit ??= { kind: "unknown", reason: "the machine was started anew" };
    }
  }

  #end(containerId: string, exit: Exit): void {
    const container = this.#containers.get(containerId);
    if (container === undefined || container.exit !== undefined) return;
    container.exit = exit;
    container.executor?.stop();
    this.onEnd?.(container.spec, exit);
    this.onExit?.(containerId, exit);
  }
}
