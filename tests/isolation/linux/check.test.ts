import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { ok } from "../../../src/base/result.ts";
import type { CheckResult, NetworkProbe } from "../../../src/isolation/check.ts";
import type { ContainerSpec } from "../../../src/isolation/container.ts";
import { openLinuxRuntime } from "../../../src/isolation/linux/runtime.ts";
import { ContainerBench } from "../../support/container-bench.ts";
import { availableForms, LinuxMachine } from "../../support/linux-machine.ts";

const ROOT = process.getuid?.() === 0;
const SLEEP = "sleep 1000";

for (const form of await availableForms()) {
  describe(`a check by a command on real processes, ${form}`, () => {
    const bench = new ContainerBench(new LinuxMachine(form));
    const { runtime, machine } = bench;
    afterAll(() => bench.close());

    const check = (spec: ContainerSpec, script: string, timeoutMs?: number): Promise<CheckResult> =>
      runtime.check(
        spec.containerId,
        { kind: "command", spec: { ...spec, command: { kind: "shell", script } } },
        timeoutMs,
      );
    const stderr = (spec: ContainerSpec): string => readFileSync(`${spec.sandbox}/stderr`, "utf8");

    test.each(ROOT ? [undefined, "nobody"] : [undefined])(
      "has the namespaces, cgroup, directory, environment and user of its task, user %s",
      async (user) => {
        const show =
          "for n in pid mnt ipc uts net; do readlink /proc/self/ns/$n; done; cat /proc/self/cgroup; pwd; id -u; env -0 | sort -z | tr '\\0' ,; echo";
        const environment = [
          ["PATH", "/usr/bin:/bin"],
          ["a.b", "no shell can hold it"],
          ["LINES", "one two"],
        ] as const;
        const spec = bench.spec(`${show}; ${SLEEP}`, {
          environment,
          ...(user === undefined ? {} : { user }),
        });
        await bench.start(spec);
        const stdout = (): string => readFileSync(`${spec.sandbox}/stdout`, "utf8");
        await machine.until(() => stdout().includes("PATH="));
        await machine.until(() => stdout().endsWith("\n"));
        expect(await check(spec, show)).toEqual({ kind: "exited", code: 0 });
        expect(stderr(spec)).toBe(stdout());
      },
    );

    test("holds no descriptor but the three", async () => {
      const spec = bench.spec(SLEEP);
      await bench.start(spec);
      expect(await check(spec, "ls -1 /proc/self/fd | sort -n | head -c -1 | tr '\\n' ' '")).toMatchObject({
        kind: "exited",
        code: 0,
      });
      // ls opens the directory itself.
      expect(stderr(spec)).toBe("0 1 2 3");
    });

    test("that takes too long is ended with all that it started", async () => {
      const spec = bench.spec(SLEEP);
      const { pid } = await bench.start(spec);
      const script = "sleep 1011 & (sleep 1012 &) ; sleep 1013";
      expect(await check(spec, script, 300)).toEqual({
        kind: "failed",
        reason: "it took longer than 300 ms",
      });
      await machine.until(() => sleepers(machine).every((word) => word === "1000"));
      expect(machine.exists(pid)).toBe(true);
    });

    test("of a program that is not there is an answer", async () => {
      const spec = bench.spec(SLEEP);
      await bench.start(spec);
      expect(await check(spec, "exec /no/such/program")).toEqual({ kind: "exited", code: 127 });
    });

    test("under way when its task ends comes to nothing", async () => {
      const spec = bench.spec(SLEEP);
      await bench.start(spec);
      const checking = check(spec, ": >begun; sleep 1000");
      await machine.until(() => Bun.file(`${spec.sandbox}/begun`).exists());
      await runtime.kill(spec.containerId);
      expect(await checking).toEqual({ kind: "untried", reason: expect.any(String) });
    });

    test("writes through no link that the task put in place of its stderr", async () => {
      const secret = `${machine.directory}/secret`;
      writeFileSync(secret, "");
      const spec = bench.spec(`ln -sf ${secret} stderr; : >linked; ${SLEEP}`);
      await bench.start(spec);
      await machine.until(() => Bun.file(`${spec.sandbox}/linked`).exists());
      expect(await check(spec, "echo mine >&2")).toMatchObject({ kind: "untried" });
      expect(readFileSync(secret, "utf8")).toBe("");
    });

    const { cgroupRoot, namespaces } = machine.host.capabilities;
    // Without both, processes of a check cannot be told from those of its task.
    if (cgroupRoot !== undefined && namespaces.includes("pid")) {
      test("that an agent left behind is ended by the next one; its task lives", async () => {
        const spec = bench.spec(SLEEP);
        const inside = { ...bench.spec(SLEEP), containerId: `${spec.containerId}.mesh-session-1` };
        await bench.start(spec);
        await bench.start(inside);
        const checking = check(spec, "sleep 1014 & (sleep 1015 &); sleep 1016");
        await machine.until(() => sleepers(machine).includes("1016"));
        const later = machine.open(async () => ok(undefined));
        const ids = [spec.containerId, inside.containerId];
        await later.recover(ids);
        // The agent answers first.
        expect(sleepers(machine)).toContain("1016");
        const command = { kind: "shell", script: "sleep 1017" } as const;
        const own = later.check(spec.containerId, { kind: "command", spec: { ...spec, command } }, undefined);
        const session = later.openSession(spec.containerId, {
          ...spec,
          command: { kind: "shell", script: "sleep 1018" },
        });
        await checking;
        await machine.until(() => sleepers(machine).every((word) => /^(1000|1017|1018)$/.test(word)));
        for (const id of ids) expect((await later.inspect(id)).state).toBe("running");
        // What this one runs itself goes on.
        expect(
          sleepers(machine)
            .filter((word) => word !== "1000")
            .sort(),
        ).toEqual(["1017", "1018"]);
        if (session.ok) session.value.kill();
        await later.kill(spec.containerId);
        expect((await own).kind).toBe("untried");
        await later.close();
      });
    }

    test.if(ROOT)("executes nothing of the task's as root", async () => {
      const environment = [
        ["PATH", "/usr/bin:/bin"],
        ["LD_PRELOAD", "/no/such/library.so"],
        ["ENV", "/no/such/script"],
      ] as const;
      const spec = bench.spec(SLEEP, { environment, user: "nobody" });
      await bench.start(spec);
      expect(await check(spec, "id -u")).toEqual({ kind: "exited", code: 0 });
      const complaints = stderr(spec)
        .split("\n")
        .filter((line) => line.includes("library.so") && /nsenter|setpriv/.test(line));
      expect(complaints).toEqual([]);
    });
  });
}

/** Arguments of the sleeps below this machine's directory. */
function sleepers(machine: LinuxMachine): string[] {
  return machine.table
    .all()
    .filter(({ zombie }) => !zombie)
    .map(({ pid }) => machine.table.commandLine(pid))
    .filter(([program, word]) => program === "sleep" && /^10[01]\d$/.test(word ?? ""))
    .map(([, word]) => word ?? "");
}

describe("a check of a port", () => {
  const machine = new LinuxMachine("posix");
  const asked: string[] = [];
  const open = () =>
    openLinuxRuntime({
      runtimeDirectory: `${machine.directory}/run`,
      fetch: async () => ok(undefined),
      host: machine.host,
      checkNetwork: (probe, address, signal) => {
        asked.push(`${probe.kind} ${address} ${probe.port}`);
        return new Promise((resolve) => {
          signal.addEventListener("abort", () => resolve({ kind: "failed", reason: "given up" }));
          if (probe.port === 80) resolve({ kind: "answered", status: 200 });
        });
      },
    });

  test("asks the host's loopback address, for as long as it may", async () => {
    const runtime = open();
    const ended = Promise.withResolvers<void>();
    runtime.onExit(() => ended.resolve());
    const spec = new ContainerBench(machine).spec(SLEEP);
    await runtime.launch(spec);
    const id = spec.containerId;
    const http: NetworkProbe = { kind: "http", scheme: "http", protocol: "IPv4", port: 80, path: "/" };
    expect(await runtime.check(id, http, undefined)).toEqual({ kind: "answered", status: 200 });
    const silent: NetworkProbe = { kind: "tcp", protocol: "IPv6", port: 81 };
    expect(await runtime.check(id, silent, 20)).toEqual({
      kind: "failed",
      reason: "it took longer than 20 ms",
    });
    expect(asked).toEqual(["http 127.0.0.1 80", "tcp ::1 81"]);
    const waiting = runtime.check(id, silent, undefined);
    await runtime.kill(id);
    expect(await waiting).toEqual({ kind: "untried", reason: "the container has ended" });
    await ended.promise;
    await runtime.cleanup(id);
    await runtime.close();
    await machine.close();
  });
});
