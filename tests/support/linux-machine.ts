/** A place for runtimes on real processes, which at its end finds what they left behind. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { ConfinementSettings } from "../../src/isolation/confinement-settings.ts";
import { removeCgroup, removeEmptyCgroupDirectory, SUPERVISORS } from "../../src/isolation/linux/cgroup.ts";
import { probe } from "../../src/isolation/linux/probe.ts";
import { type ProcessTable, procTable, psTable } from "../../src/isolation/linux/process-table.ts";
import { openLinuxRuntime } from "../../src/isolation/linux/runtime.ts";
import type { Fetch, Runtime } from "../../src/isolation/runtime.ts";
import type { Host } from "../../src/isolation/tools.ts";

export type Form = "all" | "cgroup only" | "namespaces only" | "posix";

export const FORMS: readonly Form[] = ["all", "cgroup only", "namespaces only", "posix"];

const WAIT_MAX_MS = 10_000;

export class LinuxMachine {
  readonly directory: string;
  readonly host: Host;
  /** What of the settings this machine cannot do. */
  readonly unmet: readonly string[];
  readonly table: ProcessTable;
  /** What the probe made, also where the form does not use it. */
  readonly #cgroup: string | undefined;

  /** `directory`: an existing machine's, as a restarted agent finds it. */
  constructor(
    form: Form,
    directory = mkdtempSync(join(tmpdir(), "mesh-runtime-")),
    confinement?: ConfinementSettings,
  ) {
    this.directory = directory;
    mkdirSync(`${directory}/run`, { recursive: true });
    const { host: probed, unmet } = probe({
      runtimeDirectory: `${directory}/run`,
      isolate: form !== "posix",
      self: [process.execPath, join(import.meta.dir, "../../src/cli.ts")],
      ...(confinement === undefined ? {} : { confinement }),
    });
    this.unmet = unmet;
    this.#cgroup = probed.supervisorsCgroup;
    this.host = hostOf(form, probed);
    this.table = this.host.procfs ? procTable : psTable;
  }

  open(fetch: Fetch): Runtime {
    return openLinuxRuntime({
      runtimeDirectory: `${this.directory}/run`,
      fetch,
      host: this.host,
      sweepIntervalMs: 20,
    });
  }

  sandbox(containerId: string): string {
    return `${this.directory}/sandboxes/${containerId}`;
  }

  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = performance.now() + WAIT_MAX_MS;
    while (!(await condition())) {
      if (performance.now() > deadline) throw new Error(`Waited ${WAIT_MAX_MS} ms in vain`);
      await Bun.sleep(5);
    }
  }

  exists(pid: number): boolean {
    const process = this.table.process(pid);
    return process !== undefined && !process.zombie;
  }

  /** Live processes below `pid`. */
  below(pid: number): number[] {
    return this.table.children(pid).flatMap((child) => [child, ...this.below(child)]);
  }

  runs(pid: number, program: string): boolean {
    return this.below(pid).some((each) => this.table.commandLine(each)[0]?.endsWith(program));
  }

  async loseSupervisor(id: string, runtime: Runtime): Promise<void> {
    const state = await runtime.inspect(id);
    if (state.state !== "running") throw new Error(`Container ${id} must be running`);
    process.kill(state.launched.pid, "SIGKILL");
  }

  /** Processes whose command line names this machine's directory, supervisors foremost. */
  leftovers(): string[] {
    const found: string[] = [];
    for (const { pid, zombie } of this.table.all()) {
      const words = this.table.commandLine(pid);
      if (!zombie && pid !== process.pid && words.some((word) => word.includes(this.directory))) {
        found.push(`process ${pid}: ${words[0]}`);
      }
    }
    const cgroup = this.host.capabilities.cgroupRoot;
    if (cgroup !== undefined && existsSync(cgroup)) {
      for (const entry of readdirSync(cgroup, { withFileTypes: true })) {
        if (entry.isDirectory() && entry.name !== SUPERVISORS) found.push(`cgroup ${entry.name}`);
      }
    }
    return found;
  }

  async close(): Promise<void> {
    const left = this.leftovers();
    if (left.length > 0) throw new Error(`Left behind: ${left.join("; ")}`);
    if (this.#cgroup !== undefined && removeCgroup(this.#cgroup)) {
      removeEmptyCgroupDirectory(dirname(this.#cgroup));
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** The probed machine, made poorer as the form says. */
function hostOf(form: Form, probed: Host): Host {
  const { supervisorsCgroup, capabilities, ...rest } = probed;
  const { cgroupRoot, ...others } = capabilities;
  if (form === "cgroup only") return { ...probed, capabilities: { ...capabilities, namespaces: [] } };
  if (form === "namespaces only") return { ...rest, capabilities: others };
  return probed;
}

/** Forms that this machine and user can have; the others would repeat the posix form. */
export async function availableForms(): Promise<readonly Form[]> {
  const machine = new LinuxMachine("all");
  const { namespaces, cgroupRoot } = machine.host.capabilities;
  await machine.close();
  return FORMS.filter((form) => {
    if (form === "posix") return true;
    if (form === "cgroup only") return cgroupRoot !== undefined;
    if (form === "namespaces only") return namespaces.length > 0;
    return cgroupRoot !== undefined && namespaces.length > 0;
  });
}
