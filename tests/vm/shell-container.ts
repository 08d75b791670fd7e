/** For guests: a container of a shell's script, as an agent describes it. */
import type { ContainerSpec } from "../../src/isolation/container.ts";

export function shellContainer(
  id: string,
  script: string,
  resources: ContainerSpec["resources"],
): ContainerSpec {
  return {
    containerId: id,
    sandbox: `/tmp/agent/${id}`,
    command: { kind: "shell", script },
    environment: [["PATH", "/usr/bin:/bin"]],
    stdoutName: "stdout",
    stderrName: "stderr",
    uris: [],
    resources,
    isolation: { namespaces: ["pid", "mount", "ipc", "uts"], cgroup: true },
  };
}
