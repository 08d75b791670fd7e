/** `mesh logs [-f] [--stderr] TASK`: the output of a task, read from its agent's sandbox. */
import { MeshError } from "../base/errors.ts";
import { isTerminalState } from "../model/task-state.ts";
import type { Task } from "../model/v1/tasks.ts";
import { findTask, placeOf } from "./client/find-task.ts";
import { MasterClient } from "./client/master-client.ts";
import { Output, outputStatus } from "./client/output.ts";
import { SandboxFile } from "./client/sandbox-file.ts";
import { SandboxReader, type TaskPlace } from "./client/sandbox-reader.ts";

const FOLLOW_INTERVAL_MS = 200;
/** How often a followed task is asked whether it has ended. */
const STATE_INTERVAL_MS = 2_000;

export interface LogsOptions {
  readonly masters: readonly string[];
  readonly task: string;
  readonly framework: string | undefined;
  readonly follow: boolean;
  readonly stderr: boolean;
  /** Only the last so many lines of what is there. */
  readonly tail: number | undefined;
}

/** Resolves with the exit status. */
export async function showLogs(options: LogsOptions): Promise<number> {
  const output = new Output(process.stdout);
  const missed = await copyLogs(options, output);
  if (missed) process.stderr.write("mesh: some output is missing: it was thrown away before it was read\n");
  return output.failure === undefined ? 0 : outputStatus(output.failure);
}

/** Resolves with whether some of it was gone before it was read. */
async function copyLogs(options: LogsOptions, output: Output): Promise<boolean> {
  const master = new MasterClient(options.masters);
  const task = await findTask(master, options.task, options.framework);
  const name = options.stderr ? "stderr" : "stdout";
  const place = await placeOf(master, task);
  const file = new SandboxFile(place, name);
  if (options.tail !== undefined) await file.seekToLastLines(options.tail);
  const first = await file.readOn();
  // Of a task that runs, more may come; of one that has ended, nothing.
  if (first === undefined && (!options.follow || isTerminalState(task.state))) {
    throw await nothingToRead(task.task_id.value, name, place);
  }
  if (first !== undefined) await output.write(first);
  await copyRest(file, output);
  if (!options.follow) return file.missed;
  let ended = isTerminalState(task.state);
  const state = new FollowedState(master, task);
  let checkedAt = Date.now();
  while (!ended && output.failure === undefined) {
    await Bun.sleep(FOLLOW_INTERVAL_MS);
    await copyRest(file, output);
    if (Date.now() - checkedAt < STATE_INTERVAL_MS) continue;
    ended = await state.ended();
    checkedAt = Date.now();
  }
  await copyRest(file, output);
  return file.missed;
}

/** Whether a task that is followed has ended. Its agent has its output, whatever happens to the masters. */
class FollowedState {
  readonly #master: MasterClient;
  readonly #task: Task;
  #told = false;

  constructor(master: MasterClient, task: Task) {
    this.#master = master;
    this.#task = task;
  }

  async ended(): Promise<boolean> {
    const { task_id, framework_id } = this.#task;
    try {
      return isTerminalState((await findTask(this.#master, task_id.value, framework_id.value)).state);
    } catch (error) {
      // One that is not remembered any more has ended.
      if (error instanceof MeshError && error.code === "TASK_NOT_FOUND") return true;
      if (!(error instanceof MeshError) || error.code !== "MASTER_UNREACHABLE") throw error;
      if (!this.#told) process.stderr.write("mesh: no master answers; going on with what the agent has\n");
      this.#told = true;
      return false;
    }
  }
}

async function nothingToRead(task: string, name: string, place: TaskPlace): Promise<MeshError> {
  const { kind } = await new SandboxReader(place).read(name, 0, 0);
  return kind === "unreachable"
    ? new MeshError(
        "AGENT_UNREACHABLE",
        `Cannot read the ${name} of task '${task}': its agent at '${place.agent}' does not answer; start it again, its tasks run on`,
      )
    : new MeshError(
        "TASK_NOT_FOUND",
        `Task '${task}' has no ${name} to read on its agent: it has not started, or its sandbox is gone`,
      );
}

async function copyRest(file: SandboxFile, output: Output): Promise<void> {
  while (output.failure === undefined) {
    const chunk = await file.readOn();
    if (chunk === undefined || chunk.length === 0) return;
    await output.write(chunk);
  }
}
