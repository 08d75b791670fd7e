import { expect, test } from "bun:test";
import { type Launch, LaunchQueue } from "../../src/agent/launch-queue.ts";
import type { ContainerSpec } from "../../src/isolation/container.ts";

function launch(containerId: string, image = false): Launch {
  const spec: ContainerSpec = {
    containerId,
    sandbox: "/s",
    command: { kind: "shell", script: ":" },
    environment: [],
    stdoutName: "stdout",
    stderrName: "stderr",
    uris: [],
    resources: { cpusMilli: 1, memBytes: 1, diskBytes: 0 },
    isolation: { namespaces: [], cgroup: false },
    ...(image ? { image: { name: "i", cached: true, ownVariables: [], sandbox: "/m" } } : {}),
  };
  return { kind: "launch", spec, latestLink: "/l" };
}

const idOf = (one: Launch | undefined): string | undefined => one?.spec.containerId;

test("launches with images wait for theirs and take no place from others", () => {
  const queue = new LaunchQueue(1, 2);
  const [a, b] = [launch("a", true), launch("b", true)];
  for (const each of [a, b, launch("c", true), launch("p"), launch("q")]) queue.add(each);
  expect([1, 2, 3, 4, 5].map(() => idOf(queue.begin()))).toEqual(["p", "a", "b", undefined, undefined]);
  queue.finished(a);
  expect(idOf(queue.begin())).toBe("c");
  expect(queue.begin()).toBeUndefined();
  queue.finished(launch("p"));
  expect(queue.cancel("q")).toBe(true);
  expect(queue.cancel("q")).toBe(false);
  expect(queue.begin()).toBeUndefined();
});
