/** Calls for containers inside others (mesos-wire.md section 6.3); those of the older names are the same. */
import type { CallAnswer, NestedPort } from "../agent/port.ts";
import { ok } from "../base/result.ts";
import { containerIdText } from "../model/container-id.ts";
import type { AgentCallLaunchContainer } from "../model/v1/agent.ts";
import type { AgentResponse, AgentResponseWaitContainer } from "../model/v1/agent-responses.ts";
import type { ContainerID } from "../model/v1/ids.ts";
import { validateContainerId } from "./container-id.ts";
import type { AgentContext } from "./context.ts";
import { text } from "./respond.ts";

const SIGKILL = 9;

export async function launchContainer(
  { port }: AgentContext,
  call: AgentCallLaunchContainer,
  name: "launch_container" | "launch_nested_container",
): Promise<Response> {
  const { command, container, container_id: id, limits, resources = [] } = call;
  const wrong = invalid(id, name, name === "launch_nested_container");
  if (wrong !== undefined) return wrong;
  const nested = { containerId: containerIdText(id), command, container };
  if (id.parent === undefined) {
    return plain(
      await port.nested.launch({ ...nested, resources, ...(limits === undefined ? {} : { limits }) }),
    );
  }
  if (resources.length > 0 || Object.keys(limits ?? {}).length > 0) {
    return text(400, "A nested container has what its parent has; leave 'resources' and 'limits' out");
  }
  if (container?.linux_info?.share_cgroups === false) {
    return text(400, "A nested container shares the cgroups of its parent; leave 'share_cgroups' out");
  }
  return plain(await port.nested.launch(nested));
}

/** The exit status is what wait(2) gives. */
export async function waitContainer(
  { port }: AgentContext,
  id: ContainerID,
  type: "WAIT_CONTAINER" | "WAIT_NESTED_CONTAINER",
  signal: AbortSignal,
): Promise<AgentResponse | Response> {
  const wrong = invalid(id, type.toLowerCase(), type === "WAIT_NESTED_CONTAINER");
  if (wrong !== undefined) return wrong;
  const session = port.containers.wait(id, signal);
  const ended =
    session === undefined ? await port.nested.wait(containerIdText(id), signal) : ok(await session);
  if (!ended.ok) return plain(ended.error);
  const answer = ended.value === undefined ? {} : termination(ended.value);
  return type === "WAIT_CONTAINER"
    ? { type, wait_container: answer }
    : { type, wait_nested_container: answer };
}

type Exit = NonNullable<Extract<Awaited<ReturnType<NestedPort["wait"]>>, { ok: true }>["value"]>;

/** Of one that broke a limit also which, as Mesos' ContainerTermination. */
function termination(exit: Exit): AgentResponseWaitContainer {
  const limited = exit.limited ?? {};
  switch (exit.kind) {
    case "exited":
      return { ...limited, exit_status: exit.code << 8 };
    case "signaled":
      return { ...limited, exit_status: exit.signal };
    case "unknown":
      return { message: exit.reason, ...limited };
  }
}

export async function killContainer(
  { port }: AgentContext,
  id: ContainerID,
  signal = SIGKILL,
): Promise<Response> {
  const wrong = invalid(id, "kill_container", false);
  if (wrong !== undefined) return wrong;
  return plain(port.containers.kill(id, signal) ?? (await port.nested.kill(containerIdText(id), signal)));
}

export async function removeContainer({ port }: AgentContext, id: ContainerID): Promise<Response> {
  const wrong = invalid(id, "remove_container", false);
  if (wrong !== undefined) return wrong;
  return plain(port.containers.remove(id) ?? (await port.nested.remove(containerIdText(id))));
}

function invalid(id: ContainerID, body: string, needsParent: boolean): Response | undefined {
  const missing = needsParent && id.parent === undefined;
  const wrong = missing
    ? `Expecting '${body}.container_id.parent' to be present`
    : validateContainerId(id, `${body}.container_id`);
  return wrong === undefined ? undefined : text(400, `Failed to validate agent::Call: ${wrong}`);
}

function plain({ body, status }: CallAnswer): Response {
  return text(status, body);
}
