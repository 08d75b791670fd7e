/** Calls that are answered by a program's output (mesos-wire.md section 6.3). */
import type { CallAnswer } from "../agent/port.ts";
import type { AgentCall, AgentCallType } from "../model/v1/agent.ts";
import type { ContainerID } from "../model/v1/ids.ts";
import { validateContainerId } from "./container-id.ts";
import { outputAnswer, type StreamEncoder } from "./container-output.ts";
import type { AgentContext } from "./context.ts";
import { text } from "./respond.ts";

export type StreamedCallType = "ATTACH_CONTAINER_OUTPUT" | "LAUNCH_NESTED_CONTAINER_SESSION";

export function isStreamed(type: AgentCallType): type is StreamedCallType {
  return type === "ATTACH_CONTAINER_OUTPUT" || type === "LAUNCH_NESTED_CONTAINER_SESSION";
}

export function answerStreamed(
  context: AgentContext,
  request: Request,
  call: AgentCall,
  encoder: StreamEncoder,
): Response {
  const { containers } = context.port;
  const session = call.launch_nested_container_session;
  const name = session === undefined ? "attach_container_output" : "launch_nested_container_session";
  const id = session?.container_id ?? call.attach_container_output?.container_id;
  if (id === undefined) return text(400, `Expecting '${name}' to be present`);
  const wrong = invalidId(id, name);
  if (wrong !== undefined) return wrong;
  const output =
    session === undefined
      ? containers.attachOutput(id)
      : containers.openSession({ containerId: id, command: session.command, container: session.container });
  return output.ok ? outputAnswer(context, request, output.value, encoder) : plain(output.error);
}

function invalidId(id: ContainerID, body: string): Response | undefined {
  const wrong = validateContainerId(id, `${body}.container_id`);
  return wrong === undefined ? undefined : text(400, `Failed to validate agent::Call: ${wrong}`);
}

function plain({ status, body }: CallAnswer): Response {
  return text(status, body);
}
