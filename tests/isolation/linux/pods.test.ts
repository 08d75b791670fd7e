import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { present } from "../../../src/base/assert.ts";
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

    if (form !== "all") return;
    const holder = { namespaces: ["pid", "ipc"] as const, shmOptions: "mode=1777,size=1m" };

    function sharing(pod: string, child: string, script: string, ownShm = true): ContainerSpec {
      const spec = inPod(pod, child, script);
      const { shmOptions, ...plain } = holder;
      return {
        ...spec,
        pod: { ...present(spec.pod, "It is in a pod"), holder: ownShm ? holder : plain },
        shared: { containerId: pod, namespaces: ["pid", "ipc"], ...(ownShm ? { ownShm } : {}) },
        isolation: { namespaces: ["mount", "uts"], cgroup: true },
      };
    }

    test("its tasks see each other's processes and shared memory, and no other's", async () => {
      const first = sharing("p4", "a", "echo hello >/dev/shm/said; ipcmk -M 64 >/dev/null; exec sleep 1234");
      const a = await bench.start(first);
      await machine.until(() => machine.runs(a.pid, "sleep"));
      const LOOK =
        "cat /dev/shm/said; ipcs -m | grep -c 0x; pwd; cat /proc/[0-9]*/cmdline | tr '\\0\\n' '  '";
      const b = await bench.run(sharing("p4", "b", LOOK));
      expect(b.exit).toEqual({ kind: "exited", code: 0 });
      const [said, segments, directory, commands] = b.stdout.split("\n");
      expect([said, segments, directory]).toEqual(["hello", "1", `${machine.sandbox("p4")}/containers/b`]);
      expect(commands).toContain("sleep 1234");
      expect(commands).not.toContain("bun");
      // Of another one, whose /dev/shm is the host's.
      const other = await bench.run(sharing("p5", "a", `${LOOK}; exit 3`, false));
      expect(other.exit).toEqual({ kind: "exited", code: 3 });
      expect(other.stdout).toStartWith("0\n");
      expect(other.stdout).not.toContain("sleep 1234");
      // A task that shares nothing is as ever.
      const alone = await bench.run(inPod("p4", "c", "readlink /proc/self; ls /dev/shm/said"));
      expect(alone.stdout).toMatch(/^\d\n$/);
      await runtime.signal("p4.a", "SIGTERM");
      expect(await a.ended).toEqual({ kind: "signaled", signal: 15 });
      await runtime.cleanup("p4.a");
      for (const pod of ["p4", "p5"]) await runtime.cleanup(pod);
      expect(machine.leftovers()).toEqual([]);
    });

    test("who forks away in a shared pid namespace ends with its own task", async () => {
      const stays = await bench.start(sharing("p6", "a", "exec sleep 2345"));
      const forks = await bench.start(sharing("p6", "b", "(setsid sleep 3456 &); sleep 3457"));
      await machine.until(() => machine.runs(forks.pid, "sleep"));
      expect(await runtime.kill("p6.b")).toEqual({ ok: true, value: undefined });
      expect(await forks.ended).toMatchObject({ kind: "signaled", signal: 9 });
      const sleeping = () =>
        machine.table.all().flatMap(({ pid }) => machine.table.commandLine(pid)[1] ?? []);
      expect(sleeping()).not.toContain("3456");
      expect(sleeping()).toContain("2345");
      await runtime.cleanup("p6.b");
      // The holder ends with the pod, and with it what is left in its namespace.
      await runtime.kill("p6.a");
      expect(await stays.ended).toMatchObject({ kind: "signaled" });
      await runtime.cleanup("p6.a");
      expect(await runtime.listOrphans()).toEqual(["p6"]);
      await runtime.cleanup("p6");
      expect(machine.leftovers()).toEqual([]);
    });

    test("a container inside another one joins its namespaces", async () => {
      const outer = await bench.start({ ...bench.spec("exec sleep 4567"), containerId: "outer" });
      await machine.until(() => machine.runs(outer.pid, "sleep"));
      const inner: ContainerSpec = {
        ...bench.spec("cat /proc/[0-9]*/cmdline | tr '\\0\\n' '  '"),
        containerId: "outer.inner",
        isolation: { namespaces: ["mount", "uts"], cgroup: true },
        shared: { containerId: "outer", namespaces: ["pid", "ipc"] },
      };
      expect((await bench.run(inner)).stdout).toContain("sleep 4567");
      await runtime.kill("outer");
      await outer.ended;
      await runtime.cleanup("outer");
      const late = await bench.refused({ ...inner, containerId: "outer.late" });
      expect(late.message).toContain('"outer" does not run');
    });

    test("its namespaces and tasks outlive the agent; a task that comes later joins them", async () => {
      const early = await bench.start(sharing("p7", "a", "echo early >/dev/shm/said; exec sleep 5678"));
      await machine.until(() => machine.runs(early.pid, "sleep"));
      const next = new ContainerBench(machine);
      expect((await next.runtime.recover(["p7.a"])).get("p7.a")?.state).toBe("running");
      expect(await next.runtime.listOrphans()).toEqual([]);
      const late = await next.run(sharing("p7", "b", "cat /dev/shm/said"));
      expect(late.stdout).toBe("early\n");
      await next.runtime.close();
      // Without its tasks it is found, and ended like any other.
      await runtime.kill("p7.a");
      await early.ended;
      await runtime.cleanup("p7.a");
      expect(await runtime.kill("p7")).toEqual({ ok: true, value: undefined });
      await runtime.cleanup("p7");
      expect(machine.leftovers()).toEqual([]);
    });
  });
}
