/** What a container inside another has. */
import { fail, ok, type Result } from "../base/result.ts";
import type { ContainerSpec } from "../isolation/container.ts";
import { ownPart } from "../model/container-id.ts";
import type { LinuxInfo } from "../model/v1/containers.ts";
import { containerNetwork } from "./container-network.ts";
import { fetchUris, programOf, unsupportedIn } from "./container-plan.ts";
import { containerSetup } from "./container-setup.ts";
import { nestedSandboxPath } from "./paths.ts";
import type { NestedCall } from "./port.ts";
import type { AgentConfig } from "./types.ts";

/** As Mesos: what the parent has, but a sandbox inside the parent's, and what the call names. */
export function nestedSpec(
  config: AgentConfig,
  parent: ContainerSpec,
  { command, container, containerId }: NestedCall,
): Result<ContainerSpec> {
  if (command === undefined) return fail("the call has no command; give one to run");
  const unsupported = unsupportedIn(container);
  if (unsupported !== undefined) return fail(`the container asks for ${unsupported}, which is not there`);
  const shared = sharedNamespace(container?.linux_info, parent);
  if (shared !== undefined) {
    return fail(
      `the container asks to share the ${shared} namespace of its parent, which this agent cannot give`,
    );
  }
  const program = programOf(command, container, config);
  if (!program.ok) return program;
  const { image, variables } = program.value;
  const own = containerNetwork(container, containerId);
  if (!own.ok) return own;
  const network = own.value ?? parent.network;
  const user = config.switchUser ? (command.user ?? parent.user) : parent.user;
  const setup = containerSetup(container, user ?? "", config.containers, parent.sandbox);
  if (!setup.ok) return setup;
  const sandbox = nestedSandboxPath(parent.sandbox, ownPart(containerId));
  const seen = image?.sandbox ?? sandbox;
  const environment = new Map<string, string>([...parent.environment, ["MESOS_SANDBOX", seen], ...variables]);
  return ok({
    containerId,
    sandbox,
    command: program.value.command,
    environment: [...environment],
    ...(image === undefined ? {} : { image }),
    ...(user === undefined ? {} : { user }),
    stdoutName: "stdout",
    stderrName: "stderr",
    uris: fetchUris(command),
    ...(network === undefined ? {} : { network }),
    // Those of its parent hold it.
    resources: { cpusMilli: 0, memBytes: 0, diskBytes: 0 },
    ...setup.value,
  });
}

/** Which one of the parent's own it asks for; where the parent has none, both are in the agent's. */
function sharedNamespace(linux: LinuxInfo = {}, { isolation }: ContainerSpec): "pid" | "ipc" | undefined {
  if (linux.share_pid_namespace === true && isolation.namespaces.includes("pid")) return "pid";
  if (linux.ipc_mode === "SHARE_PARENT" && isolation.namespaces.includes("ipc")) return "ipc";
  return undefined;
}
