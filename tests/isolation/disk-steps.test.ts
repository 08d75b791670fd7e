import { expect, test } from "bun:test";
import { limitDiskSteps, limitVolumesSteps } from "../../src/isolation/disk-steps.ts";
import { describePlan, planLaunch } from "../../src/isolation/plan.ts";
import { FULL, SPEC } from "./plan.test.ts";

const HOST = { ...FULL, projectQuotas: true as const };
const STEP = { in: "agent", do: "limit-disk", path: "/s/c1", beside: [], bytes: 1 };

test("a sandbox is held to its disk where the machine can", () => {
  expect(limitDiskSteps(SPEC, HOST)).toEqual([STEP] as never);
  expect(limitDiskSteps(SPEC, FULL)).toEqual([]);
  expect(limitDiskSteps({ ...SPEC, resources: { ...SPEC.resources, diskBytes: 0 } }, HOST)).toEqual([]);
});

test("what is written to an image's root, or to one that is a volume, counts as well", () => {
  const source = { kind: "overlay", layersDirectory: "/l", layers: [], upper: "/u", work: "/w" } as const;
  const root = { source, directory: "/r", sandbox: "/mnt", workingDirectory: "/" };
  expect(limitDiskSteps({ ...SPEC, root }, HOST)[0]?.beside).toEqual(["/u", "/w"]);
  const volume = { ...source, upper: "/v/u", work: "/v/w" };
  const mounts = [
    { kind: "overlay", source: volume, directory: "/v/r", target: "v", readOnly: false },
  ] as const;
  expect(limitDiskSteps({ ...SPEC, root, mounts }, HOST)[0]?.beside).toEqual(["/u", "/w", "/v/u", "/v/w"]);
  expect(limitDiskSteps({ ...SPEC, mounts }, HOST)[0]?.beside).toEqual(["/v/u", "/v/w"]);
});

test("a pod has one disk, a container inside another one that of its parent", () => {
  const resources = { ...SPEC.resources, diskBytes: 9 };
  const pod = { containerId: "p", sandbox: "/s/p", linkName: "a", ownLimits: true, resources };
  expect(limitDiskSteps({ ...SPEC, containerId: "p.a", pod }, HOST)).toMatchObject([
    { path: "/s/p", bytes: 9 },
  ]);
  expect(limitDiskSteps({ ...SPEC, containerId: "c.n" }, HOST)).toEqual([]);
});

test("volumes are held to their size, but for whole disks", () => {
  const volumes = [
    { source: "/v", target: "v", bytes: 5 },
    { source: "/m", target: "m" },
  ];
  const held = [{ in: "agent", do: "limit-volumes", volumes: [{ path: "/v", bytes: 5 }] }];
  expect(limitVolumesSteps(volumes, HOST)).toEqual(held as never);
  expect([limitVolumesSteps(volumes, FULL), limitVolumesSteps(undefined, HOST)]).toEqual([[], []]);
  const plan = planLaunch({ ...SPEC, volumes }, HOST, undefined);
  const lines = plan.ok ? describePlan(plan.value).split("\n") : [];
  const at = (name: string) => lines.findIndex((line) => line.includes(name));
  expect(at("limit-volumes")).toBe(at("link-volumes") + 1);
});

test("before anything is in the sandbox", () => {
  const plan = planLaunch(SPEC, HOST, undefined);
  if (!plan.ok) throw new Error(plan.error.message);
  const lines = describePlan(plan.value).split("\n");
  expect(lines.findIndex((line) => line.includes("limit-disk"))).toBe(1);
  expect(lines[0]).toContain("make-sandbox");
});
