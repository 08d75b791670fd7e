/** What a container has that was launched by call. */
import { fail, ok, type Result } from "../base/result.ts";
import type { ContainerResources, ContainerSpec } from "../isolation/container.ts";
import { DEFAULT_PATH } from "../isolation/environment.ts";
import { checkResource } from "../model/check-resource.ts";
import { ownPart } from "../model/container-id.ts";
import { amountsOf } from "./accounting.ts";
import { sharable } from "./container-linux.ts";
import { containerNetwork } from "./container-network.ts";
import { containerResources, fetchUris, programOf, unsupportedIn } from "./container-plan.ts";
import { containerSetup, type Parent } from "./container-setup.ts";
import { nestedSandboxPath, standaloneSandboxPath } from "./paths.ts";
import type { NestedCall } from "./port.ts";
import type { AgentConfig } from "./types.ts";

/** Environment of a container that is inside no other. */
const BARE = [["PATH", DEFAULT_PATH]] as const;
/** Those of its parent hold it. */
const OF_PARENT: ContainerResources = { cpusMilli: 0, memBytes: 0, diskBytes: 0 };

/**
 * As Mesos: what the parent has, but a sandbox inside the parent's, and what the call names.
 * @param parent undefined: it is inside no other, and has resources of its own
 */
export function nestedSpec(
  config: AgentConfig,
  parent: ContainerSpec | undefined,
  call: NestedCall,
): Result<ContainerSpec> {
  const { command, container, containerId } = call;
  if (command === undefined) return fail("the call has no command; give one to run");
  const wrong = call.resources?.map(checkResource).find((each) => each !== undefined);
  if (wrong !== undefined) return fail(wrong);
  const unsupported = unsupportedIn(container);
  if (unsupported !== undefined) return fail(`the container asks for ${unsupported}, which is not there`);
  if (container?.linux_info?.ipc_mode === "SHARE_PARENT" && parent?.image !== undefined) {
    return fail(
      "its parent has an image, and a /dev/shm in there, which cannot be shared; leave ipc_mode out",
    );
  }
  const program = programOf(command, container, config);
  if (!program.ok) return program;
  const { image, variables } = program.value;
  const own = containerNetwork(container, containerId);
  if (!own.ok) return own;
  const network = own.value ?? parent?.network;
  const user = config.switchUser ? (command.user ?? parent?.user) : parent?.user;
  const setup = containerSetup(container, user ?? "", config.containers, parent && parentOf(parent));
  if (!setup.ok) return setup;
  const sandbox =
    parent === undefined
      ? standaloneSandboxPath(config.workDir, containerId)
      : nestedSandboxPath(parent.sandbox, ownPart(containerId));
  const seen = image?.sandbox ?? sandbox;
  const environment = new Map<string, string>([
    ...(parent?.environment ?? BARE),
    ["MESOS_SANDBOX", seen],
    ...variables,
  ]);
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
    resources: parent === undefined ? ownResources(call) : OF_PARENT,
    ...setup.value,
  });
}

/** Namespaces that the parent has, its own and those that it shares with its own parent. */
function parentOf(spec: ContainerSpec): Parent {
  const { containerId, sandbox, isolation, shared, mounts = [] } = spec;
  const namespaces = sharable([...isolation.namespaces, ...(shared?.namespaces ?? [])]);
  const ownShm =
    shared?.ownShm === true ||
    mounts.some(({ kind, target }) => kind === "file-system" && target === "/dev/shm");
  return { sandbox, own: { containerId, namespaces, ...(ownShm ? { ownShm } : {}) } };
}

function ownResources({ resources = [], limits }: NestedCall): ContainerResources {
  const amounts = amountsOf([...resources]);
  return containerResources(
    { amounts },
    { resources: [...resources], ...(limits === undefined ? {} : { limits }) },
  );
}
