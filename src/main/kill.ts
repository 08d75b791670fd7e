/** `mesh kill TASK`: asks the leader to kill one task, whichever framework it belongs to. */
import { isTerminalState } from "../model/task-state.ts";
import { findTask } from "./client/find-task.ts";
import { type HttpAnswer, MasterClient, refusal } from "./client/master-client.ts";
import { print } from "./client/output.ts";

const KILL_PATH = "/mesh/kill";
const POLL_INTERVAL_MS = 100;
/** A kill that had not reached the agent dies with the leader who took it. */
const REPEAT_INTERVAL_MS = 2_000;

export interface KillOptions {
  readonly masters: readonly string[];
  readonly task: string;
  readonly framework: string | undefined;
  /** Waits for the end and tells it. */
  readonly wait: boolean;
}

export async function killTask(options: KillOptions): Promise<void> {
  const master = new MasterClient(options.masters);
  const task = await findTask(master, options.task, options.framework);
  const id = task.task_id.value;
  if (isTerminalState(task.state)) {
    await print(`Task ${id} has already ended: ${task.state}`);
    return;
  }
  const body = JSON.stringify({ framework_id: task.framework_id.value, task_id: id });
  const kill = (): Promise<HttpAnswer> => master.post(KILL_PATH, body);
  const answer = await kill();
  if (answer.status !== 202) throw refusal("POST", KILL_PATH, answer);
  await print(`Kill of task ${id} is on its way to agent ${task.agent_id.value}`);
  if (!options.wait) return;
  for (let askedAtMs = performance.now(); ; ) {
    const now = await findTask(master, id, task.framework_id.value);
    if (isTerminalState(now.state)) {
      await print(`Task ${id} has ended: ${now.state}`);
      return;
    }
    await Bun.sleep(POLL_INTERVAL_MS);
    if (performance.now() - askedAtMs < REPEAT_INTERVAL_MS) continue;
    askedAtMs = performance.now();
    // 404: it has just ended.
    const again = await kill();
    if (again.status !== 202 && again.status !== 404) throw refusal("POST", KILL_PATH, again);
  }
}
