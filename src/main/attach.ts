/** `mesh attach [-i] TASK`: what a running task says from now on, and its terminal. */
import { MeshError } from "../base/errors.ts";
import { InputRequest, openOutput } from "./client/container-io.ts";
import { MasterClient } from "./client/master-client.ts";
import { outputStatus } from "./client/output.ts";
import { giveStandardInput, hasTerminal, windowMessage, windowSize } from "./client/own-terminal.ts";
import { showOutput } from "./client/show-output.ts";
import { containerOf } from "./client/task-container.ts";

export interface AttachOptions {
  readonly masters: readonly string[];
  readonly task: string;
  readonly framework: string | undefined;
  readonly interactive: boolean;
}

/** Resolves with the exit status: 0 when the task ended or was left. */
export async function attachToTask(options: AttachOptions): Promise<number> {
  const { agent, containerId, task } = await containerOf(new MasterClient(options.masters), options);
  if (options.interactive && task.container?.tty_info === undefined) {
    const name = task.task_id.value;
    throw new MeshError(
      "BAD_FLAG",
      `Task '${name}' has no terminal (tty_info), and empty input; leave -i away`,
    );
  }
  const stop = new AbortController();
  const call = { container_id: containerId };
  const messages = await openOutput(
    agent,
    { type: "ATTACH_CONTAINER_OUTPUT", attach_container_output: call },
    stop.signal,
  );
  // Bun may leave a read waiting when its request is aborted.
  const left = Promise.withResolvers<undefined>();
  left.promise.catch(() => {});
  const leave = (): void => left.resolve(undefined);
  const input = options.interactive ? new InputRequest(agent, containerId, stop.signal) : undefined;
  void input?.refusal.then((text) => {
    if (text !== undefined) left.reject(new MeshError("REQUEST_REFUSED", text));
  });
  const giveBack = input === undefined ? undefined : join(input, leave);
  try {
    const failure = await Promise.race([showOutput(messages), left.promise]);
    return failure === undefined ? 0 : outputStatus(failure);
  } finally {
    giveBack?.();
    stop.abort();
  }
}

function join(input: InputRequest, onDetach: () => void): () => void {
  const size = hasTerminal() ? windowSize() : undefined;
  if (size !== undefined) void input.give(windowMessage(size));
  return giveStandardInput(input, { terminal: true, onDetach });
}
