/** One runtime on a `LinuxMachine` with what tests of single containers need. */
import { readFileSync } from "node:fs";
import { ok } from "../../src/base/result.ts";
import type { ContainerSpec, Exit } from "../../src/isolation/container.ts";
import type { LaunchError, Runtime } from "../../src/isolation/runtime.ts";
import type { LinuxMachine } from "./linux-machine.ts";

export class ContainerBench {
  readonly machine: LinuxMachine;
  readonly runtime: Runtime;
  readonly #exits = new Map<string, PromiseWithResolvers<Exit>>();
  #count = 0;

  constructor(machine: LinuxMachine) {
    this.machine = machine;
    this.runtime = machine.open(async () => ok(undefined));
    this.runtime.onExit((id, exit) => this.#exits.get(id)?.resolve(exit));
  }

  spec(command: ContainerSpec["command"] | string, more: Partial<ContainerSpec> = {}): ContainerSpec {
    const containerId = `c${++this.#count}`;
    return {
      containerId,
      sandbox: this.machine.sandbox(containerId),
      command: typeof command === "string" ? { kind: "shell", script: command } : command,
      environment: [["PATH", "/usr/bin:/bin"]],
      stdoutName: "stdout",
      stderrName: "stderr",
      uris: [],
      resources: { cpusMilli: 100, memBytes: 1 << 25, diskBytes: 0 },
      isolation: { namespaces: ["pid", "mount", "ipc", "uts"], cgroup: true },
      ...more,
    };
  }

  /** Launches; the supervisor's pid, and the end to wait for. */
  async start(spec: ContainerSpec): Promise<{ pid: number; ended: Promise<Exit> }> {
    const exit = Promise.withResolvers<Exit>();
    this.#exits.set(spec.containerId, exit);
    const launched = await this.runtime.launch(spec);
    if (!launched.ok) throw new Error(`${launched.error.step}: ${launched.error.message}`);
    return { pid: launched.value.pid, ended: exit.promise };
  }

  /** Launches what must not start. */
  async refused(spec: ContainerSpec): Promise<LaunchError> {
    const launched = await this.runtime.launch(spec);
    if (launched.ok) throw new Error(`Container ${spec.containerId} started`);
    return launched.error;
  }

  /** Runs to the end. */
  async run(spec: ContainerSpec): Promise<{ exit: Exit; stdout: string; stderr: string }> {
    const { ended } = await this.start(spec);
    const exit = await ended;
    await this.runtime.cleanup(spec.containerId);
    const read = (name: string) => readFileSync(`${spec.sandbox}/${name}`, "utf8");
    return { exit, stdout: read(spec.stdoutName), stderr: read(spec.stderrName) };
  }

  async close(): Promise<void> {
    for (const id of this.#exits.keys()) {
      await this.runtime.kill(id);
      await this.runtime.cleanup(id);
    }
    await this.runtime.close();
    await this.machine.close();
  }
}
