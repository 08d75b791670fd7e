/** `mesh exec [-it] TASK -- COMMAND`: one more program in the container of a running task. */
import { MeshError } from "../base/errors.ts";
import type { AgentCall } from "../model/v1/agent.ts";
import type { ContainerID } from "../model/v1/ids.ts";
import { agentCall, InputRequest, openOutput } from "./client/container-io.ts";
import { MasterClient } from "./client/master-client.ts";
import { outputStatus } from "./client/output.ts";
import { giveEnd, giveStandardInput, windowSize } from "./client/own-terminal.ts";
import { showOutput } from "./client/show-output.ts";
import { containerOf } from "./client/task-container.ts";

export interface ExecOptions {
  readonly masters: readonly string[];
  readonly task: string;
  readonly framework: string | undefined;
  readonly interactive: boolean;
  readonly tty: boolean;
  readonly user: string | undefined;
  readonly environment: readonly (readonly [string, string])[];
  readonly command: readonly string[];
}

/** Resolves with the command's exit status; 128 and the signal's number after a signal, as from a shell. */
export async function execInTask(options: ExecOptions): Promise<number> {
  const { interactive, tty } = options;
  if (tty && interactive && process.stdin.isTTY !== true) {
    throw new MeshError("BAD_FLAG", "Standard input is not a terminal: leave -t away to hand it on as it is");
  }
  const { agent, containerId: parent } = await containerOf(new MasterClient(options.masters), options);
  const containerId: ContainerID = { value: crypto.randomUUID(), parent };
  const stop = new AbortController();
  const messages = await openOutput(agent, sessionCall(containerId, options), stop.signal);
  const input = interactive || !tty ? new InputRequest(agent, containerId, stop.signal) : undefined;
  const giveBack = input === undefined ? undefined : give(input, interactive, tty);
  void input?.refusal.then((text) => {
    // What a program leaves unread is its own affair.
    if (text === undefined || text.startsWith("Failed to write") || text.includes("cannot be found")) return;
    process.stderr.write(`mesh: ${text}\n`);
  });
  try {
    const failure = await showOutput(messages);
    if (failure !== undefined) return outputStatus(failure);
    return await exitStatus(agent, containerId);
  } finally {
    giveBack?.();
    stop.abort();
  }
}

/** Returns what ends it. */
function give(input: InputRequest, interactive: boolean, terminal: boolean): () => void {
  if (interactive) return giveStandardInput(input, { terminal });
  void giveEnd(input).then(() => input.end());
  return () => {};
}

function sessionCall(containerId: ContainerID, options: ExecOptions): AgentCall {
  const [value = ""] = options.command;
  const size = windowSize();
  const term = process.env["TERM"];
  const variables = [
    ...(options.tty && term !== undefined ? [["TERM", term] as const] : []),
    ...options.environment,
  ];
  return {
    type: "LAUNCH_NESTED_CONTAINER_SESSION",
    launch_nested_container_session: {
      container_id: containerId,
      command: {
        shell: false,
        value,
        arguments: [...options.command],
        environment: { variables: variables.map(([name, text]) => ({ name, value: text })) },
        ...(options.user === undefined ? {} : { user: options.user }),
      },
      container: {
        type: "MESOS",
        ...(options.tty ? { tty_info: size === undefined ? {} : { window_size: size } } : {}),
      },
    },
  };
}

/** Of a status as wait(2) gives it. */
async function exitStatus(agent: string, containerId: ContainerID): Promise<number> {
  const body = { container_id: containerId };
  const { wait_nested_container: ended } = await agentCall(agent, {
    type: "WAIT_NESTED_CONTAINER",
    wait_nested_container: body,
  });
  const status = ended?.exit_status;
  if (status === undefined) {
    process.stderr.write(
      `mesh: The command ended, but how is not known: ${ended?.message ?? "the agent does not say"}\n`,
    );
    return 1;
  }
  const signal = status & 0x7f;
  return signal === 0 ? status >> 8 : 128 + signal;
}
