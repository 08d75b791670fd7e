/**
 * `mesh run`: a scheduler on the public API for one command. Output of the
 * tasks goes to stdout and stderr as it comes; what mesh itself says goes to
 * stderr. Ends with the exit status of the task (the first non-zero one of
 * many), 128 plus the signal's number when a signal ended it, 1 when it never
 * ran, 130 after Ctrl-C.
 */
import { readFileSync } from "node:fs";
import type { Offer } from "../model/v1/offers.ts";
import type { CommandInfo } from "../model/v1/tasks.ts";
import { exitStatusOf } from "./client/exit-status.ts";
import { hasEnded, type Instance, Job } from "./client/job.ts";
import { MasterClient } from "./client/master-client.ts";
import { SandboxFile } from "./client/sandbox-file.ts";
import { SchedulerClient } from "./client/scheduler-client.ts";

/** How often output is fetched while a task runs. */
const FOLLOW_INTERVAL_MS = 100;
/** How long the last output of an ended task is tried for when its agent does not answer. */
const DRAIN_ATTEMPTS = 20;
/** A scheduler that is gone for longer has its tasks killed. */
const FAILOVER_TIMEOUT_SECONDS = 60;
const INTERRUPTED_STATUS = 130;

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
  /** The command and its arguments. */
  readonly command: readonly string[];
}

/** Resolves with the exit status for the process. */
export async function runCommand(options: RunOptions): Promise<number> {
  const say = (text: string): void => {
    if (!options.quiet) process.stderr.write(`mesh: ${text}\n`);
  };
  const scheduler = new SchedulerClient(new MasterClient(options.masters), {
    user: options.user ?? ownUser(),
    name: `mesh run ${options.name}`,
    roles: [options.role],
    failover_timeout: FAILOVER_TIMEOUT_SECONDS,
    checkpoint: true,
    capabilities: [{ type: "MULTI_ROLE" }, { type: "PARTITION_AWARE" }],
  });
  const followers = new Map<Instance, Promise<void>>();
  const job = new Job({ ...options, command: commandInfo(options) }, runName(), scheduler, {
    onStatus: (instance) => {
      say(statusText(instance, options.instances));
      if (!followers.has(instance) && ranAtAll(instance)) followers.set(instance, follow(instance, options));
    },
    onTooSmall: (offers) => say(tooSmallText(offers, options)),
  });
  const stop = interruptible(job, scheduler, say);
  try {
    await job.run(async () => {
      await Promise.all(followers.values());
      await scheduler.call({ type: "TEARDOWN" });
    });
  } finally {
    stop.release();
    scheduler.close();
  }
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
  const [program = "", ...rest] = options.command;
  return {
    shell: false,
    value: program,
    arguments: [program, ...rest],
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

function tooSmallText(offers: readonly Offer[], options: RunOptions): string {
  const largest = (name: string): number =>
    Math.max(0, ...offers.map((o) => o.resources?.find((r) => r.name === name)?.scalar?.value ?? 0));
  return (
    `waiting for an offer with cpus ${options.cpus} and mem ${options.mem} MB; ` +
    `the largest of ${offers.length} had cpus ${largest("cpus")} and mem ${largest("mem")} MB. ` +
    "See 'mesh agents', or ask for less with --cpus and --mem"
  );
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

/** Copies both outputs until the task has ended and nothing is left to read. */
async function follow(instance: Instance, options: RunOptions): Promise<void> {
  const place = instance.place;
  if (place === undefined) return;
  const outputs = [
    { file: new SandboxFile(place, "stdout"), to: new Output(process.stdout, instance, options) },
    { file: new SandboxFile(place, "stderr"), to: new Output(process.stderr, instance, options) },
  ];
  for (let failures = 0; ; ) {
    const ended = hasEnded(instance);
    const chunks = await Promise.all(outputs.map((output) => output.file.readOn()));
    for (const [i, chunk] of chunks.entries()) if (chunk !== undefined) outputs[i]?.to.write(chunk);
    const quiet = chunks.every((chunk) => chunk !== undefined && chunk.length === 0);
    failures = chunks.includes(undefined) ? failures + 1 : 0;
    if (ended && (quiet || failures >= DRAIN_ATTEMPTS)) break;
    if (quiet || failures > 0) await Bun.sleep(FOLLOW_INTERVAL_MS);
  }
  for (const output of outputs) output.to.end();
}

/** One output of one instance; with several instances whole lines, marked with the instance's number. */
class Output {
  readonly #to: NodeJS.WritableStream;
  readonly #mark: string | undefined;
  #rest = "";
  readonly #decoder = new TextDecoder();

  constructor(to: NodeJS.WritableStream, instance: Instance, options: RunOptions) {
    this.#to = to;
    this.#mark = options.instances === 1 ? undefined : `[${instance.number}] `;
  }

  write(chunk: Uint8Array): void {
    if (this.#mark === undefined) {
      this.#to.write(chunk);
      return;
    }
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#to.write(`${this.#mark}${line}\n`);
  }

  end(): void {
    if (this.#rest !== "") this.#to.write(`${this.#mark ?? ""}${this.#rest}\n`);
    this.#rest = "";
  }
}

interface Interruption {
  readonly interrupted: boolean;
  release(): void;
}

/** First Ctrl-C kills the tasks and waits for their ends, the second tears the framework down and leaves. */
function interruptible(job: Job, scheduler: SchedulerClient, say: (text: string) => void): Interruption {
  const state = { interrupted: false, release: () => {} };
  const leave = async (): Promise<void> => {
    await scheduler.call({ type: "TEARDOWN" }).catch(() => {});
    process.exit(INTERRUPTED_STATUS);
  };
  const onSignal = (): void => {
    if (state.interrupted || job.idle) {
      void leave();
      return;
    }
    state.interrupted = true;
    say("killing the task; press Ctrl-C again to leave without waiting for its end");
    job.kill().catch((error: unknown) => {
      say(`kill failed: ${String(error)}`);
      void leave();
    });
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  state.release = () => {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  };
  return state;
}

function exitStatus(job: Job): number {
  const statuses = job.instances.map((instance) => exitStatusOf(instance.status));
  return statuses.find((status) => status !== 0) ?? 0;
}
