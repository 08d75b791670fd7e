import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import type { ContainerSpec } from "../../../src/isolation/container.ts";
import { ContainerBench } from "../../support/container-bench.ts";
import { availableForms, LinuxMachine } from "../../support/linux-machine.ts";

for (const form of await availableForms()) {
  describe(`a pod on real processes, ${form}`, () => {
    const bench = new ContainerBench(new LinuxMachine(form));
    const { runtime, machine } = bench;
    const root = machine.host.capabilities.cgroupRoot;
    afterAll(() => bench.close());

    function inPod(pod: string, child: string, script: string, more: Partial<ContainerSpec> = {}) {
      const sandbox = machine.sandbox(pod);
      const resources = { cpusMilli: 200, memBytes: 1 << 26, diskBytes: 0 };
      return bench.spec(script, {
        containerId: `${pod}.${child}`,
        sandbox: `${sandbox}/containers/${child}`,
        pod: { containerId: pod, sandbox, linkName: `task-${child}`, resources, ownLimits: false },
        ...more,
      });
    }

    test("has a link to each task's sandbox, and goes when it is cleaned up", async () => {
      const spec = inPod("p1", "a", "echo hello; readlink ../../tasks/task-a");
      const { stdout } = await bench.run(spec);
      expect(stdout).toBe("hello\n../containers/a\n");
      expect(readFileSync(`${machine.sandbox("p1")}/tasks/task-a/stdout`, "utf8")).toBe(stdout);
      await runtime.cleanup("p1");
      if (root !== undefined) expect(existsSync(`${root}/p1`)).toBe(false);
      // The same task id anew.
      await bench.run(inPod("p1", "b", "true"));
      expect(readlinkSync(`${machine.sandbox("p1")}/tasks/task-b`)).toBe("../containers/b");
      await runtime.cleanup("p1");
    });

    test("its tasks share a directory; the end of one leaves the other alone", async () => {
      const volumes = [{ source: `${machine.sandbox("p2")}/shared`, target: "shared" }];
      const writer = await bench.start(inPod("p2", "a", "echo from a >shared/file; sleep 1000", { volumes }));
      await machine.until(() => existsSync(`${machine.sandbox("p2")}/shared/file`));
      const reader = await bench.run(inPod("p2", "b", "cat shared/file", { volumes }));
      expect(reader.stdout).toBe("from a\n");
      expect((await runtime.inspect("p2.a")).state).toBe("running");
      await runtime.signal("p2.a", "SIGTERM");
      expect(await writer.ended).toEqual({ kind: "signaled", signal: 15 });
      await runtime.cleanup("p2.a");
      await runtime.cleanup("p2");
    });

    // Without a cgroup of the pod nothing tells of it when no task runs.
    if (root === undefined) return;
    test("is no orphan while a task of it runs, and tells what they use", async () => {
      await bench.start(inPod("p3", "a", "sleep 1000"));
      expect(await runtime.listOrphans()).toEqual([]);
      expect((await runtime.statistics("p3"))?.processes).toBeGreaterThan(0);
      expect(await runtime.update("p3", inPod("p3", "a", "").resources)).toEqual({
        ok: true,
        value: undefined,
      });
      await runtime.kill("p3.a");
      await runtime.cleanup("p3.a");
      expect(await runtime.listOrphans()).toEqual(["p3"]);
      expect(await runtime.kill("p3")).toEqual({ ok: true, value: undefined });
      await runtime.cleanup("p3");
      expect(await runtime.listOrphans()).toEqual([]);
      expect(await runtime.statistics("p3")).toBeUndefined();
    });
  });
}
