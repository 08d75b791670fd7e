import { expect, test } from "bun:test";
import type { ContainerPod, ContainerSpec } from "../../src/isolation/container.ts";
import { planLaunch } from "../../src/isolation/plan.ts";
import type { Host } from "../../src/isolation/tools.ts";
import { FULL, SPEC } from "./plan.test.ts";

const POD: ContainerPod = {
  containerId: "p",
  sandbox: "/s/p",
  linkName: "t1",
  volumes: [{ source: "/v", target: "kept" }],
  resources: { cpusMilli: 300, memBytes: 1 << 27, diskBytes: 1 },
  ownLimits: false,
};
const IN_POD: ContainerSpec = { ...SPEC, containerId: "p.c1", sandbox: "/s/p/containers/c1", pod: POD };
const LIMITING: Host = {
  ...FULL,
  cgroupFiles: new Set(["memory.max"]),
  capabilities: { ...FULL.capabilities, controllers: ["cpu", "memory"] },
};

/** Steps of the agent up to the spawn. */
function steps(spec: ContainerSpec, host: Host): string[] {
  const plan = planLaunch(spec, host, undefined);
  if (!plan.ok) throw new Error(plan.error.message);
  return plan.value.steps.flatMap((step) => {
    if (step.in !== "agent" || step.do === "spawn" || step.do === "move-supervisor") return [];
    const { in: _, do: name, ...rest } = step;
    return [`${name} ${JSON.stringify(rest)}`];
  });
}

test("a container of a pod has its sandbox and its cgroup inside the pod's, which hold the limits", () => {
  expect(steps(IN_POD, LIMITING)).toEqual([
    'make-sandbox {"path":"/s/p"}',
    'link-volumes {"volumes":[{"source":"/v","target":"kept"}]}',
    'make-sandbox {"path":"/s/p/containers/c1"}',
    'link-sandbox {"directory":"/s/p/tasks","name":"t1","target":"../containers/c1"}',
    'make-cgroup {"path":"/cg/mesh/a/p"}',
    'limit-cgroup {"path":"/cg/mesh/a/p","files":[{"file":"memory.max","value":"134217728"}]}',
    'make-cgroup {"path":"/cg/mesh/a/p/c1"}',
  ]);
  const plan = planLaunch(IN_POD, LIMITING, undefined);
  const joined = plan.ok
    ? plan.value.steps.find((step) => step.in === "task" && step.do === "join-cgroup")
    : 0;
  expect(joined).toMatchObject({ path: "/cg/mesh/a/p/c1" });
});

test("with limits of its own, to which the pod hands its controllers on", () => {
  const { volumes: _, ...pod } = POD;
  expect(steps({ ...IN_POD, pod: { ...pod, ownLimits: true } }, LIMITING).slice(3)).toEqual([
    'make-cgroup {"path":"/cg/mesh/a/p"}',
    'limit-cgroup {"path":"/cg/mesh/a/p","files":[{"file":"memory.max","value":"134217728"}]}',
    'limit-cgroup {"path":"/cg/mesh/a/p","files":[{"file":"cgroup.subtree_control","value":"+cpu +memory"}]}',
    'make-cgroup {"path":"/cg/mesh/a/p/c1"}',
    'limit-cgroup {"path":"/cg/mesh/a/p/c1","files":[{"file":"memory.max","value":"33554432"}]}',
  ]);
});
