/**
 * `mesh run`: a scheduler on the public API for one command. Output of the
 * tasks goes to stdout and stderr as it comes; what mesh itself says goes to
 * stderr. Ends with the exit status of the task (the first non-zero one of
 * many), 128 plus the signal's number when a signal ended it, 1 when it never
 * ran, 130 after Ctrl-C, 141 when nobody reads the output any more; the last
 * two kill the tasks.
 */
import { readFileSync } from "node:fs";
import type { ContainerInfo } from "../model/v1/containers.ts";
import type { FrameworkInfo } from "../model/v1/frameworks.ts";
import type { CommandInfo, TaskStatus } from "../model/v1/tasks.ts";
import { endedByItself, exitStatusOf } from "./client/exit-status.ts";
import { knownTask } from "./client/find-task.ts";
import { hasEnded, type Instance, Job, type JobListener, type LookUp } from "./client/job.ts";
import { MasterClient } from "./client/master-client.ts";
import { Output, outputStatus } from "./client/output.ts";
import { SandboxFile } from "./client/sandbox-file.ts";
import { SandboxReader, type TaskPlace } from "./client/sandbox-reader.ts";
import { SchedulerClient } from "./client/scheduler-client.ts";
import { SeenOffers } from "./client/seen-offers.ts";

/** How often output is fetched while a task runs. */
const FOLLOW_INTERVAL_MS = 100;
/** Offers come at once where an agent has room: who waits longer is told why. */
const FIRST_OFFER_MS = 3_000;
/** How long the last output of an ended task is tried for when its agent does not answer. */
const DRAIN_ATTEMPTS = 20;
/** A scheduler that is gone for longer has its tasks killed. */
const FAILOVER_TIMEOUT_SECONDS = 60;
const INTERRUPTED_STATUS = 130;
/** Longer than an election takes: masters that have not heard of a kill by then are away. */
const KILL_MS = 10_000;
/** A new leader, or none, is waited for so long to hear of the end of the framework. */
const FAREWELL_MS = 10_000;
/** Who does not want to wait any more waits so long for the end of the framework. */
const LEAVE_MS = 2_000;

export interface RunOptions {
  readonly masters: readonly string[];
  readonly name: string;
  readonly role: string;
  readonly cpus: number;
  readonly mem: number;
  readonly environment: readonly (readonly [name: string, value: string])[];
  readonly uris: readonly string[];
  readonly instances: number;
  readonly user: string | undefined;
  readonly quiet: boolean;
  /** The command and its arguments; empty for what the image runs. */
  readonly command: readonly string[];
  /** Left out: the tasks need nothing of their own. */
  readonly container?: ContainerInfo;
}

/** Resolves with the exit status for the process. */
export async function runCommand(options: RunOptions): Promise<number> {
  const outputs = { stdout: new Output(process.stdout), stderr: new Output(process.stderr), over: false };
  const always = (text: string): void => void outputs.stderr.write(`mesh: ${text}\n`);
  const say = options.quiet ? (): void => {} : always;
  const onBroken = (): void => say("lost the link to the master; looking for the leader. Tasks run on");
  const info: FrameworkInfo = {
    user: options.user ?? ownUser(),
    name: `mesh run ${options.name}`,
    roles: [options.role],
    failover_timeout: FAILOVER_TIMEOUT_SECONDS,
    checkpoint: true,
    capabilities: [{ type: "MULTI_ROLE" }, { type: "PARTITION_AWARE" }],
  };
  const master = new MasterClient(options.masters);
  const scheduler = new SchedulerClient(master, info, onBroken);
  const followers = new Map<Instance, Promise<void>>();
  const seen = new SeenOffers();
  const tellWaiting = (): void => say(seen.waitingText(options.name, options));
  const listener: JobListener = {
    onStatus: (instance) => {
      const text = statusText(instance, options.instances);
      if (!followers.has(instance) && ranAtAll(instance)) {
        followers.set(instance, follow(instance, options, outputs));
      }
      if (!hasEnded(instance)) return say(text);
      // Its end is told after its output; why it never ran, also to those who want nothing but the output.
      const tell = neverRan(instance.status) ? always : say;
      const told = (followers.get(instance) ?? Promise.resolve()).then(() => tell(text));
      followers.set(instance, told);
    },
    onTooSmall: (offers) => {
      if (seen.add(offers)) tellWaiting();
    },
  };
  const lookUp: LookUp = (frameworkId, taskId) => knownTask(master, frameworkId, taskId);
  const spec = { ...options, command: commandInfo(options) };
  const job = new Job(spec, runName(), scheduler, listener, lookUp);
  const stop = interruptible(job, scheduler, say);
  const noOffer = setTimeout(() => {
    const left = job.instances.filter(({ place }) => place === undefined).length;
    if (left === options.instances && seen.none) tellWaiting();
    else if (left > 0 && left < options.instances)
      say(`waiting for room for ${left} of ${options.instances} instances. See 'mesh agents'`);
  }, FIRST_OFFER_MS);
  const brokenPipe = setInterval(() => {
    if (outputs.stdout.failure !== undefined) stop.killTasks();
  }, FOLLOW_INTERVAL_MS);
  let farewell: Timer | undefined;
  try {
    await job.run(async () => {
      await Promise.all(followers.values());
      const told = await scheduler.call({ type: "TEARDOWN" });
      if (!told) farewell ??= setTimeout(() => scheduler.close(), FAREWELL_MS);
      return told;
    });
  } finally {
    clearTimeout(farewell);
    clearInterval(brokenPipe);
    clearTimeout(noOffer);
    outputs.over = true;
    stop.release();
    scheduler.close();
  }
  const { failure } = outputs.stdout;
  if (failure !== undefined) return outputStatus(failure);
  return stop.interrupted ? INTERRUPTED_STATUS : exitStatus(job);
}

/** Name of the user who runs this; Bun's `userInfo` only knows what the environment says. */
function ownUser(): string {
  const named = process.env["USER"] ?? process.env["LOGNAME"];
  if (named !== undefined && named !== "") return named;
  const uid = String(process.getuid?.() ?? 0);
  try {
    const line = readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .find((one) => one.split(":")[2] === uid);
    return line?.split(":")[0] ?? uid;
  } catch {
    return uid;
  }
}

function runName(): string {
  return crypto.randomUUID().slice(0, 8);
}

function commandInfo(options: RunOptions): CommandInfo {
  const [program] = options.command;
  return {
    shell: false,
    ...(program === undefined ? {} : { value: program, arguments: [...options.command] }),
    environment: { variables: options.environment.map(([name, value]) => ({ name, value })) },
    uris: options.uris.map((value) => ({ value })),
    ...(options.user === undefined ? {} : { user: options.user }),
  };
}

function statusText(instance: Instance, instances: number): string {
  const status = instance.status;
  const which =
    instances === 1 ? instance.taskId : `${instance.taskId} (${instance.number + 1} of ${instances})`;
  const where = instance.place === undefined ? "" : ` on ${instance.place.agent}`;
  const why = status?.message === undefined ? "" : `: ${status.message}`;
  return `task ${which} is ${status?.state ?? "unknown"}${where}${why}`;
}

function ranAtAll(instance: Instance): boolean {
  const state = instance.status?.state;
  return (
    state === "TASK_RUNNING" ||
    state === "TASK_FINISHED" ||
    state === "TASK_FAILED" ||
    state === "TASK_KILLED"
  );
}

interface Outputs {
  readonly stdout: Output;
  readonly stderr: Output;
  /** True when the run has ended, also by an error: nothing is waited for any more. */
  over: boolean;
}

/** Copies both outputs until the task has ended and nothing is left to read. */
async function follow(instance: Instance, options: RunOptions, to: Outputs): Promise<void> {
  const place = instance.place;
  if (place === undefined) return;
  const outputs = [
    { file: new SandboxFile(place, "stdout"), to: new MarkedOutput(to.stdout, instance, options) },
    { file: new SandboxFile(place, "stderr"), to: new MarkedOutput(to.stderr, instance, options) },
  ];
  for (let failures = 0; ; ) {
    const ended = hasEnded(instance) || to.over;
    const chunks = await Promise.all(outputs.map((output) => output.file.readOn()));
    for (const [i, chunk] of chunks.entries()) if (chunk !== undefined) await outputs[i]?.to.write(chunk);
    const quiet = chunks.every((chunk) => chunk !== undefined && chunk.length === 0);
    failures = chunks.includes(undefined) ? failures + 1 : 0;
    if (ended && (quiet || failures >= DRAIN_ATTEMPTS)) break;
    if (quiet || failures > 0) await Bun.sleep(FOLLOW_INTERVAL_MS);
  }
  for (const output of outputs) await output.to.end();
  if (hasEnded(instance))
    await tellMissing(
      instance,
      place,
      outputs.some(({ file }) => file.missed),
      to.stderr,
    );
}

/** Output that the task had and that did not come is told of, also to those who want nothing else. */
async function tellMissing(instance: Instance, place: TaskPlace, missed: boolean, to: Output): Promise<void> {
  const some = `mesh: some output of task ${instance.taskId} is missing`;
  const { kind } = await new SandboxReader(place).read("stdout", 0, 0);
  if (kind === "unreachable") await to.write(`${some}: its agent at ${place.agent} does not answer\n`);
  else if (missed) await to.write(`${some}: it was thrown away before it was read\n`);
}

/** One output of one instance; with several instances whole lines, marked with the instance's number. */
class MarkedOutput {
  readonly #to: Output;
  readonly #mark: string | undefined;
  #rest = "";
  readonly #decoder = new TextDecoder();

  constructor(to: Output, instance: Instance, options: RunOptions) {
    this.#to = to;
    this.#mark = options.instances === 1 ? undefined : `[${instance.number}] `;
  }

  write(chunk: Uint8Array): Promise<void> {
    const mark = this.#mark;
    if (mark === undefined) return this.#to.write(chunk);
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    return this.#to.write(lines.map((line) => `${mark}${line}\n`).join(""));
  }

  async end(): Promise<void> {
    if (this.#rest !== "") await this.#to.write(`${this.#mark ?? ""}${this.#rest}\n`);
    this.#rest = "";
  }
}

interface Interruption {
  readonly interrupted: boolean;
  /** What the first Ctrl-C does; nothing when that was done. */
  killTasks(): void;
  release(): void;
}

/**
 * First Ctrl-C kills the tasks and waits for their ends, the second tears the framework down and leaves; so
 * does the first when no master is there to hear of the kill. A third one waits for nothing.
 */
function interruptible(job: Job, scheduler: SchedulerClient, say: (text: string) => void): Interruption {
  const state = { interrupted: false, killTasks: () => {}, release: () => {} };
  let leaving = false;
  let late: Timer | undefined;
  const leave = async (): Promise<void> => {
    if (leaving) process.exit(INTERRUPTED_STATUS);
    leaving = true;
    const told = scheduler.call({ type: "TEARDOWN" }).catch(() => false);
    if (!(await Promise.race([told, Bun.sleep(LEAVE_MS).then(() => false)])))
      say(
        `no master hears of it: tasks are killed when one has missed this for ${FAILOVER_TIMEOUT_SECONDS} s`,
      );
    process.exit(INTERRUPTED_STATUS);
  };
  const onSignal = (): void => {
    if (state.interrupted || job.idle) {
      void leave();
      return;
    }
    say("killing the task; press Ctrl-C again to leave without waiting for its end");
    state.killTasks();
  };
  state.killTasks = () => {
    if (state.interrupted) return;
    state.interrupted = true;
    let sent = false;
    late = setTimeout(() => {
      if (!sent || scheduler.broken) void leave();
    }, KILL_MS);
    job.kill().then(
      () => {
        sent = true;
      },
      (error: unknown) => {
        say(`kill failed: ${String(error)}`);
        void leave();
      },
    );
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  state.release = () => {
    clearTimeout(late);
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  };
  return state;
}

/** Failed without an exit status or signal of its own, and nobody asked for its end. */
function neverRan(status: TaskStatus | undefined): boolean {
  return status?.state !== "TASK_KILLED" && !endedByItself(status);
}

function exitStatus(job: Job): number {
  const statuses = job.instances.map((instance) => exitStatusOf(instance.status));
  return statuses.find((status) => status !== 0) ?? 0;
}
