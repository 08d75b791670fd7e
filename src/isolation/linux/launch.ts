/** Carries out a plan: the agent's steps, then the spawn of the supervisor. */
import { closeSync, mkdirSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { CONTAINER_START_TIMEOUT_MS } from "../../base/limits.ts";
import { fail, ok, type Result } from "../../base/result.ts";
import { outsideOwner } from "../confinement.ts";
import type { ContainerSpec } from "../container.ts";
import { deviceProgram } from "../device-program.ts";
import type { LimitDiskStep, LimitVolumesStep } from "../disk-steps.ts";
import { usesImages } from "../image-command.ts";
import type { ContainerNetwork } from "../network.ts";
import { type AgentStep, type Plan, planLaunch } from "../plan.ts";
import type { Fetch, Images, LaunchError, LaunchStep, Owner } from "../runtime.ts";
import { SECRETS_FD } from "../secret-files.ts";
import { FAILED_STEP_MARK, SUPERVISOR_MARK, supervisorCommand, TERMINAL_MARK } from "../supervisor-script.ts";
import type { Host } from "../tools.ts";
import { attachDeviceProgram } from "./bpf.ts";
import { limitCgroup, limitShared, makeCgroup, removeCgroup } from "./cgroup.ts";
import type { ContainerNetworks } from "./container-networks.ts";
import { lookIfPossible, patiently } from "./exhaustion.ts";
import type { EventFiles } from "./exits.ts";
import type { GpuHolders } from "./gpu-holders.ts";
import { withImages } from "./launch-images.ts";
import { makeMountPoints } from "./mount-points.ts";
import { recordOf } from "./planned-record.ts";
import { procTable, sendSignal } from "./process-table.ts";
import type { ProjectQuotas } from "./project-quotas.ts";
import type { ContainerRecord, Records } from "./records.ts";
import { readTracked } from "./recovery.ts";
import { createOutputs, linkSandbox, makeSandbox, openOutput, ownSandbox } from "./sandbox.ts";
import { openSecrets } from "./secrets.ts";
import type { OpenNamespaces, SharedNamespaces } from "./shared-namespaces.ts";
import { announced } from "./started.ts";
import { startTerminal } from "./task-terminal.ts";
import type { Tracked } from "./tracked.ts";
import { lookUpUser } from "./user.ts";
import { linkVolumes, makeVolumes } from "./volumes.ts";

export interface LaunchContext {
  readonly host: Host;
  readonly records: Records;
  readonly events: EventFiles;
  readonly fetch: Fetch;
  readonly bootId: string;
  /** Absent where containers join none. */
  readonly networks: ContainerNetworks | undefined;
  /** Absent: containers with images are refused. */
  readonly images: Images | undefined;
  readonly shared: SharedNamespaces;
  readonly gpus: GpuHolders;
  /** Absent: nothing holds containers to their disk while they write. */
  readonly diskQuotas: ProjectQuotas | undefined;
}

export interface Started {
  readonly tracked: Tracked;
  readonly child: Bun.Subprocess;
}

const ERROR_STEP: Readonly<Record<AgentStep["do"], LaunchStep>> = {
  "make-sandbox": "sandbox",
  "limit-disk": "sandbox",
  "limit-volumes": "sandbox",
  "link-volumes": "sandbox",
  "make-mount-points": "sandbox",
  "make-secrets-directory": "sandbox",
  "link-sandbox": "sandbox",
  "make-volumes": "sandbox",
  "make-cgroup": "cgroup",
  "limit-cgroup": "cgroup",
  "allow-devices": "cgroup",
  "create-output": "sandbox",
  fetch: "fetch",
  "join-networks": "network",
  "own-sandbox": "sandbox",
  spawn: "start",
  "move-supervisor": "cgroup",
};

/** Launches; after an error nothing but the sandbox is left. */
export async function launchContainer(
  context: LaunchContext,
  spec: ContainerSpec,
  signal: AbortSignal,
  progress?: (line: string) => void,
): Promise<Result<Started, LaunchError>> {
  const { images } = context;
  if (images === undefined || !usesImages(spec)) return await launchReady(context, spec, signal);
  const ready = await withImages(images, spec, signal, progress);
  if (!ready.ok) return ready;
  const started = await launchReady(context, ready.value, signal);
  if (!started.ok) await images.release(spec.containerId);
  return started;
}

/** Everything that the container is made of is here. */
async function launchReady(
  context: LaunchContext,
  spec: ContainerSpec,
  signal: AbortSignal,
): Promise<Result<Started, LaunchError>> {
  const given = await context.gpus.give(spec, signal);
  if (!given.ok) return fail({ step: "validate", message: given.error });
  const started = await launchEquipped(context, given.value, signal);
  if (!started.ok) context.gpus.release(spec.containerId);
  return started;
}

/** It has its GPUs, too. */
async function launchEquipped(
  context: LaunchContext,
  spec: ContainerSpec,
  signal: AbortSignal,
): Promise<Result<Started, LaunchError>> {
  const owner = ownerOf(spec);
  if (!owner.ok) return fail({ step: "user", message: owner.error });
  const plan = planLaunch(spec, context.host, owner.value);
  if (!plan.ok) return plan;
  const shared = await context.shared.open(spec);
  if (!shared.ok) {
    const message = `Cannot start container ${spec.containerId} in the namespaces that it is to share: ${shared.error}`;
    return fail({ step: "start", message });
  }
  const record = recordOf(plan.value, spec, context.bootId);
  let file: number;
  try {
    file = context.records.create(record);
  } catch (error) {
    shared.value.close();
    return fail({ step: "record", message: `Cannot write the container's record: ${text(error)}` });
  }
  const outside = outsideOwner(spec, owner.value, context.host);
  const launch = new Launch(context, plan.value, record, {
    file,
    signal,
    owner: outside,
    shared: shared.value,
    secrets: spec.secrets ?? [],
  });
  const started = await launch.run();
  closeSync(file);
  shared.value.close();
  if (!started.ok) {
    if (record.cgroup !== undefined) removeCgroup(record.cgroup);
    await context.networks?.leave(record);
    context.records.remove(spec.containerId);
  }
  return started;
}

/** The user to switch to; none when the agent is that user already. */
export function ownerOf(spec: ContainerSpec): Result<Owner | undefined> {
  if (spec.user === undefined) return ok(undefined);
  const owner = lookUpUser(spec.user);
  return owner.ok && owner.value.uid === process.getuid?.() ? ok(undefined) : owner;
}

type SpawnStep = Extract<AgentStep, { do: "spawn" }>;

/** What one launch has in its hands besides. */
interface LaunchMeans {
  /** The container's record, open for appending. */
  readonly file: number;
  readonly signal: AbortSignal;
  /** On the host. */
  readonly owner: Owner | undefined;
  readonly shared: OpenNamespaces;
  readonly secrets: readonly Uint8Array[];
}

class Launch {
  readonly #context: LaunchContext;
  readonly #plan: Plan;
  readonly #record: ContainerRecord;
  readonly #file: number;
  readonly #signal: AbortSignal;
  readonly #owner: Owner | undefined;
  readonly #shared: OpenNamespaces;
  readonly #secrets: readonly Uint8Array[];

  constructor(context: LaunchContext, plan: Plan, record: ContainerRecord, means: LaunchMeans) {
    this.#secrets = means.secrets;
    this.#context = context;
    this.#plan = plan;
    this.#record = record;
    this.#file = means.file;
    this.#signal = means.signal;
    this.#owner = means.owner;
    this.#shared = means.shared;
  }

  async run(): Promise<Result<Started, LaunchError>> {
    let sandbox = "";
    for (const step of this.#plan.steps) {
      if (step.in !== "agent") continue;
      if (this.#signal.aborted) return fail({ step: "cancelled", message: "Killed before the start" });
      let doing = step.do;
      try {
        if (step.do === "make-sandbox") sandbox = step.path;
        if (step.do === "move-supervisor") continue;
        if (step.do === "spawn") {
          doing = "create-output";
          const files = this.#openFiles(step);
          doing = "spawn";
          return await this.#start(this.#spawn(step, files));
        }
        const done = await this.#prepare(step, sandbox);
        if (!done.ok) return fail({ step: ERROR_STEP[step.do], message: done.error });
      } catch (error) {
        const message = `Cannot ${doing.replaceAll("-", " ")} for container ${this.#plan.containerId}: ${text(error)}`;
        return fail({ step: ERROR_STEP[doing], message });
      }
    }
    return fail({ step: "start", message: "The plan has no spawn step" });
  }

  async #prepare(
    step: Exclude<AgentStep, { do: "spawn" | "move-supervisor" }>,
    sandbox: string,
  ): Promise<Result<void>> {
    switch (step.do) {
      case "make-sandbox":
        makeSandbox(step.path);
        return ok(undefined);
      case "limit-disk":
        return await this.#limitDisk(step);
      case "limit-volumes":
        return await this.#limitVolumes(step);
      case "link-volumes":
        return linkVolumes(sandbox, step.volumes, step.owner);
      case "make-secrets-directory":
        mkdirSync(step.path, { recursive: true, mode: 0o700 });
        return ok(undefined);
      case "make-mount-points":
        return makeMountPoints(sandbox, step.mounts, this.#owner);
      case "link-sandbox":
        linkSandbox(step.directory, step.name, step.target);
        return ok(undefined);
      case "make-volumes":
        makeVolumes(step.volumes, step.owner);
        return ok(undefined);
      case "make-cgroup":
        makeCgroup(step.path);
        return ok(undefined);
      case "limit-cgroup":
        return (this.#record.pod === undefined ? limitCgroup : limitShared)(step.path, step.files);
      case "allow-devices":
        return attachDeviceProgram(step.path, deviceProgram(step.rules));
      case "create-output":
        createOutputs([step.stdout, step.stderr]);
        return ok(undefined);
      case "fetch":
        return await this.#context.fetch(step.uris, sandbox, this.#owner, this.#signal);
      case "join-networks":
        return await this.#joinNetworks(step.network);
      case "own-sandbox":
        await ownSandbox(sandbox, step.owner);
        return ok(undefined);
    }
  }

  async #limitDisk({ path, beside, bytes }: LimitDiskStep): Promise<Result<void>> {
    const { diskQuotas } = this.#context;
    if (diskQuotas === undefined) return fail("this agent keeps no quotas of disks");
    return await diskQuotas.limit(path, beside, bytes);
  }

  async #limitVolumes({ volumes }: LimitVolumesStep): Promise<Result<void>> {
    for (const { path, bytes } of volumes) {
      const held = await this.#context.diskQuotas?.limitVolume(path, bytes);
      if (held?.ok === false) return held;
    }
    return ok(undefined);
  }

  async #joinNetworks(network: ContainerNetwork): Promise<Result<void>> {
    const { networks } = this.#context;
    const id = this.#plan.containerId;
    if (networks === undefined) return fail("this agent has no networks");
    const joined = await networks.join(this.#record, network, this.#signal);
    return joined.ok ? joined : fail(`Cannot start container ${id}: ${joined.error}`);
  }

  /** The sandbox's stdout and stderr. */
  #openFiles(step: SpawnStep): number[] {
    const files: number[] = [];
    try {
      files.push(openOutput(step.stdout));
      files.push(openOutput(step.stderr));
      return files;
    } catch (error) {
      for (const file of files) closeSync(file);
      throw error;
    }
  }

  /** Closes the files when they are handed over. */
  #spawn({ cwd, terminal }: SpawnStep, outputs: readonly number[]): Bun.Subprocess {
    const files = [...outputs];
    const recordPath = this.#context.records.path(this.#plan.containerId);
    try {
      const [stdin, stdout, stderr] = this.#programFiles(terminal, files);
      const command = supervisorCommand(this.#plan, this.#context.host, recordPath, this.#shared.files);
      const child = Bun.spawn([...command.argv], {
        cwd,
        env: { ...command.environment },
        // Descriptor 3 is the sandbox's stderr, see supervisor-script.ts.
        stdio: this.#withSecrets([stdin, stdout, this.#file, stderr], files),
        // A session of its own: signals to the agent's terminal do not reach it.
        detached: true,
      });
      child.unref();
      this.#note(child.pid);
      return child;
    } finally {
      for (const file of files) closeSync(file);
    }
  }

  /** Adds the descriptors USER_NAMESPACE_FD and SECRETS_FD where there is such a thing. */
  #withSecrets(stdio: ["ignore" | number, number, number, number], files: number[]): Stdio {
    const open = withUserNamespace(stdio, this.#context.host);
    if (this.#secrets.length === 0) return open;
    const secrets = openSecrets(this.#secrets);
    files.push(secrets);
    while (open.length < SECRETS_FD) open.push("ignore");
    return [...open, secrets];
  }

  /** What the program gets as its input and outputs; what is to be closed afterwards is in `files`. */
  #programFiles(terminal: SpawnStep["terminal"], files: number[]): [number | "ignore", number, number] {
    const [stdout = -1, stderr = -1] = files;
    if (terminal === undefined) return ["ignore", stdout, stderr];
    const { slave, copier } = startTerminal(this.#context.host, terminal, this.#owner, stdout);
    files.push(slave);
    writeSync(this.#file, `${TERMINAL_MARK}${JSON.stringify(copier)}\n`);
    return [slave, slave, slave];
  }

  /** Writes down who the supervisor is, and moves it to its cgroup. */
  #note(pid: number): void {
    if (!this.#record.namespaces.includes("pid")) return;
    // Nobody asks for its status before the next turn of the event loop: ended or not, it has its line.
    const stat = lookIfPossible(() => readFileSync(`/proc/${pid}/stat`, "utf8").trimEnd());
    // Left out, it is found by its command line.
    if (stat !== undefined) writeSync(this.#file, `${SUPERVISOR_MARK}${stat}\n`);
    const move = this.#plan.steps.find((step) => step.do === "move-supervisor");
    if (move === undefined) return;
    try {
      writeFileSync(`${move.path}/cgroup.procs`, `${pid}`);
    } catch {
      // It has ended, or init meets the same problem and says so.
    }
  }

  async #start(child: Bun.Subprocess): Promise<Result<Started, LaunchError>> {
    const { records } = this.#context;
    const id = this.#plan.containerId;
    await announced(this.#context, id, child);
    const tracked = await patiently(() => readTracked(records, id));
    if (tracked !== undefined) return ok({ tracked, child });
    if (child.exitCode === null && child.signalCode === null) {
      const children = () => (this.#context.host.procfs ? procTable.children(child.pid) : []);
      for (const pid of [...(await patiently(children)), child.pid]) {
        sendSignal(pid, "SIGKILL");
      }
      await child.exited;
      const message = `Cannot start container ${id}: not ready after ${CONTAINER_START_TIMEOUT_MS} ms; the machine may be overloaded`;
      return fail({ step: "start", message });
    }
    const said = (await patiently(() => records.read(id)))?.messages ?? "";
    const failed = (["cgroup", "mount", "network"] as const).find((each) =>
      said.includes(`${FAILED_STEP_MARK}${each}`),
    );
    const step = failed ?? "start";
    const words = said
      .split("\n")
      .filter((line) => !line.startsWith(FAILED_STEP_MARK))
      .join("; ");
    const how = words === "" ? `the supervisor ended with ${child.exitCode ?? child.signalCode}` : words;
    return fail({ step: step ?? "start", message: `Cannot start container ${id}: ${how}` });
  }
}

export type Stdio = ["ignore" | number, number, number, number, ...("ignore" | number)[]];

/** Adds the descriptor USER_NAMESPACE_FD where tasks have a user namespace. */
export function withUserNamespace(
  stdio: ["ignore" | number, number, number, number],
  { userNamespace }: Host,
): Stdio {
  return userNamespace === undefined ? stdio : [...stdio, userNamespace.file];
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
