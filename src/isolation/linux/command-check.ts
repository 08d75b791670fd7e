/** One command run inside a container that is there, to check it. */
import { closeSync, fstatSync, openSync, rmSync } from "node:fs";
import type { CheckProbe, CheckResult } from "../check.ts";
import { enterCommand } from "../enter-script.ts";
import { enteredSpec } from "../image-command.ts";
import { type Plan, planLaunch } from "../plan.ts";
import type { Images } from "../runtime.ts";
import type { Host } from "../tools.ts";
import { lookIfPossible } from "./exhaustion.ts";
import { ownerOf, withUserNamespace } from "./launch.ts";
import { type ProcessTable, sendSignal } from "./process-table.ts";
import { openOutput } from "./sandbox.ts";
import { containerLives, initOf, type Tracked } from "./tracked.ts";

type CommandProbe = Extract<CheckProbe, { kind: "command" }>;

const ENTERING = { name: "mesh-check", mark: true, terminal: false } as const;

export const CONTAINER_ENDED: CheckResult = { kind: "untried", reason: "the container has ended" };

export class CommandCheck {
  readonly #host: Host;
  readonly #table: ProcessTable;
  /** Of the file that tells whether the container was entered; it has this name for a moment. */
  readonly #markPath: string;
  readonly #images: Images | undefined;
  readonly #underWay = new Set<number>();

  constructor(host: Host, table: ProcessTable, runtimeDirectory: string, images: Images | undefined) {
    this.#images = images;
    this.#host = host;
    this.#table = table;
    this.#markPath = `${runtimeDirectory}/entered`;
  }

  /** Whether the process was spawned for a command that is under way. */
  runs(pid: number): boolean {
    return this.#underWay.has(pid);
  }

  /** @param stop ends the command with all it started */
  async run(tracked: Tracked, probe: CommandProbe, stop: AbortSignal): Promise<CheckResult> {
    const inside = enteredSpec(probe.spec, this.#images);
    if (!inside.ok) return { kind: "untried", reason: inside.error };
    const spec = inside.value;
    const owner = ownerOf(spec);
    if (!owner.ok) return { kind: "failed", reason: owner.error };
    const plan = planLaunch(spec, this.#host, owner.value);
    if (!plan.ok) return { kind: "failed", reason: plan.error.message };
    if (!containerLives(this.#table, tracked)) return CONTAINER_ENDED;
    if (tracked.record.namespaces.length > 0 && this.#host.tools.nsenter === undefined) {
      return { kind: "untried", reason: "nsenter (util-linux) is not installed" };
    }
    const mark = openSync(this.#markPath, "w", 0o600);
    rmSync(this.#markPath);
    try {
      const child = this.#spawn(tracked, plan.value, spec, mark);
      this.#underWay.add(child.pid);
      const kill = (): void => killTree(this.#table, child);
      stop.addEventListener("abort", kill);
      await child.exited;
      this.#underWay.delete(child.pid);
      stop.removeEventListener("abort", kill);
      return this.#result(tracked, child, fstatSync(mark).size > 0);
    } finally {
      closeSync(mark);
    }
  }

  #spawn(tracked: Tracked, plan: Plan, spec: CommandProbe["spec"], mark: number): Bun.Subprocess {
    const { namespaces, cgroup } = tracked.record;
    const target = initOf(this.#table, tracked) ?? tracked.supervisor.pid;
    const command = enterCommand(plan, this.#host, { target, namespaces, cgroup }, ENTERING);
    // As in Mesos what a check says goes to the task's stderr.
    const output = openOutput(`${spec.sandbox}/${spec.stderrName}`);
    // The last one is ENTERED_FD.
    const stdio = withUserNamespace(["ignore", output, output, mark], this.#host);
    try {
      const child = Bun.spawn([...command.argv], {
        cwd: spec.sandbox,
        env: { ...command.environment },
        stdio,
        // A session, and with it a process group, of its own: all of it can be ended.
        detached: true,
      });
      child.unref();
      return child;
    } finally {
      closeSync(output);
    }
  }

  #result(tracked: Tracked, child: Bun.Subprocess, entered: boolean): CheckResult {
    const { exitCode, signalCode } = child;
    if (exitCode === 0) return { kind: "exited", code: 0 };
    if (!containerLives(this.#table, tracked)) return CONTAINER_ENDED;
    if (!entered) {
      const reason = "its command could not be run in the container; the task's stderr says why";
      return { kind: "untried", reason };
    }
    // The kernel ends what is in a pid namespace when its init ends, before that is known.
    if (signalCode === "SIGKILL") return { kind: "untried", reason: "its command was killed" };
    if (exitCode === null) return { kind: "failed", reason: `its command was ended by ${signalCode}` };
    return { kind: "exited", code: exitCode };
  }
}

/** What is below is looked up first: without its parents it could not be found. */
export function killTree(table: ProcessTable, child: Bun.Subprocess): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const children = (pid: number): number[] => lookIfPossible(() => table.children(pid)) ?? [];
  const below = (pid: number): number[] => children(pid).flatMap((each) => [each, ...below(each)]);
  for (const pid of [...below(child.pid), child.pid, -child.pid]) sendSignal(pid, "SIGKILL");
}
