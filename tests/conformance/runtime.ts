/**
 * What src/isolation/runtime.ts promises, tested on any implementation:
 * `runtimeConformance` is called by the test files beside it.
 */
import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { fail, ok } from "../../src/base/result.ts";
import type { CheckResult } from "../../src/isolation/check.ts";
import type { ContainerSpec, Exit } from "../../src/isolation/container.ts";
import type { Fetch, Runtime } from "../../src/isolation/runtime.ts";

export interface RuntimeHarness {
  /** Opens a runtime on the harness' machine, as an agent process would. */
  open(fetch: Fetch): Runtime;
  sandbox(containerId: string): string;
  /** Lets time pass until the condition holds. */
  until(condition: () => boolean | Promise<boolean>): Promise<void>;
  /** Whether the supervisor with this pid lives. */
  exists(pid: number): boolean;
  /** Whether a process below the supervisor runs this program by now. */
  runs(pid: number, program: string): boolean;
  /** Ends the supervisor alone, by force. */
  loseSupervisor(containerId: string, runtime: Runtime): Promise<void>;
  /** Ends everything and checks that nothing is left. */
  close(): Promise<void>;
}

/** A URI that the suite's fetcher never finishes, and one that it refuses. */
const NEVER = "test://never";
const REFUSED = "test://refused";

const fetch: Fetch = async (uris, _sandbox, _owner, signal) => {
  const value = uris[0]?.value;
  if (value === REFUSED) return fail(`Failed to fetch "${REFUSED}": refused`);
  if (value !== NEVER) return ok(undefined);
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
  return fail("cancelled");
};

export function runtimeConformance(name: string, makeHarness: () => RuntimeHarness): void {
  describe(`runtime conformance: ${name}`, () => {
    const harness = makeHarness();
    let runtime: Runtime;
    let exits: [string, Exit][];
    let used: string[] = [];
    let count = 0;

    const open = (): Runtime => {
      const opened = harness.open(fetch);
      exits = [];
      opened.onExit((id, exit) => exits.push([id, exit]));
      return opened;
    };
    const spec = (script: string, more: Partial<ContainerSpec> = {}): ContainerSpec => {
      const containerId = more.containerId ?? `c${++count}`;
      used.push(containerId);
      return {
        containerId,
        sandbox: harness.sandbox(containerId),
        command: { kind: "shell", script },
        environment: [["PATH", "/usr/bin:/bin"]],
        stdoutName: "stdout",
        stderrName: "stderr",
        uris: [],
        resources: { cpusMilli: 100, memBytes: 1 << 25, diskBytes: 0 },
        isolation: { namespaces: ["pid", "mount", "ipc", "uts"], cgroup: true },
        ...more,
      };
    };
    const launch = async (script: string): Promise<string> => {
      const wanted = spec(script);
      const launched = await runtime.launch(wanted);
      expect(launched).toEqual({
        ok: true,
        value: { pid: expect.any(Number), startTime: expect.any(String) },
      });
      return wanted.containerId;
    };
    const ended = (id: string): Exit | undefined => exits.find(([each]) => each === id)?.[1];
    const untilEnded = (id: string) => harness.until(() => ended(id) !== undefined);

    beforeEach(() => {
      runtime = open();
      used = [];
    });
    afterEach(async () => {
      for (const id of used) {
        await runtime.kill(id);
        await runtime.cleanup(id);
      }
      expect(await runtime.listOrphans()).toEqual([]);
      await runtime.close();
    });
    afterAll(() => harness.close());

    test.each<[string, Exit]>([
      ["true", { kind: "exited", code: 0 }],
      ["exit 3", { kind: "exited", code: 3 }],
      ["exit 137", { kind: "exited", code: 137 }],
      ["kill -9 $$", { kind: "signaled", signal: 9 }],
      ["kill -15 $$", { kind: "signaled", signal: 15 }],
      ["kill -2 $$", { kind: "signaled", signal: 2 }],
    ])("%s", async (script, exit) => {
      const id = await launch(script);
      await untilEnded(id);
      expect(exits).toEqual([[id, exit]]);
      expect(await runtime.inspect(id)).toEqual({ state: "ended", exit });
    });

    test("exec form, without a shell", async () => {
      const wanted = spec("", { command: { kind: "exec", file: "sleep", argv: ["sleep", "0"] } });
      expect(await runtime.launch(wanted)).toMatchObject({ ok: true });
      await untilEnded(wanted.containerId);
      expect(ended(wanted.containerId)).toEqual({ kind: "exited", code: 0 });
    });

    test("the exit is told after launch resolved", async () => {
      const order: string[] = [];
      runtime.onExit(() => order.push("exit"));
      const launching = runtime.launch(spec("true")).then(() => order.push("launched"));
      await launching;
      await harness.until(() => order.length === 2);
      expect(order).toEqual(["launched", "exit"]);
    });

    test("a running container is inspected with its pid", async () => {
      const wanted = spec("sleep 1000");
      const launched = await runtime.launch(wanted);
      if (!launched.ok) throw new Error(launched.error.message);
      expect(await runtime.inspect(wanted.containerId)).toEqual({
        state: "running",
        launched: launched.value,
      });
    });

    test("a running container tells what it was given; an ended one nothing", async () => {
      const id = await launch("sleep 1000");
      const given = { cpus_soft_limit: 0.1, mem_soft_limit_bytes: 1 << 25, mem_limit_bytes: 1 << 25 };
      const before = await runtime.statistics(id);
      expect(before).toMatchObject(given);
      expect(before?.cpus_limit).toBeUndefined();
      await runtime.kill(id);
      await untilEnded(id);
      expect(await runtime.statistics(id)).toBeUndefined();
      expect(await runtime.statistics("unheard-of")).toBeUndefined();
    });

    test("a running container can be given more, also after a restart of the agent", async () => {
      const id = await launch("sleep 1000");
      const more = {
        cpusMilli: 200,
        memBytes: 1 << 26,
        diskBytes: 0,
        cpusLimitMilli: 500,
        memLimitBytes: "unlimited",
      } as const;
      expect(await runtime.update(id, more)).toEqual({ ok: true, value: undefined });
      expect(await runtime.update("unheard-of", more)).toMatchObject({ ok: false });
      const given = { cpus_soft_limit: 0.2, cpus_limit: 0.5, mem_soft_limit_bytes: 1 << 26 };
      expect(await runtime.statistics(id)).toMatchObject(given);
      await runtime.close();
      runtime = open();
      await runtime.recover([id]);
      const after = await runtime.statistics(id);
      expect(after).toMatchObject(given);
      expect(after?.mem_limit_bytes).toBeUndefined();
    });

    test("an id is used once, also after the end", async () => {
      const first = spec("sleep 1000", { containerId: "twice" });
      expect(await runtime.launch(first)).toMatchObject({ ok: true });
      expect(await runtime.launch(first)).toMatchObject({ ok: false, error: { step: "validate" } });
      await runtime.kill("twice");
      expect(await runtime.launch(first)).toMatchObject({ ok: false, error: { step: "validate" } });
    });

    test("SIGTERM ends a program that does not care", async () => {
      const id = await launch("sleep 1000");
      await runtime.signal(id, "SIGTERM");
      await untilEnded(id);
      expect(ended(id)).toEqual({ kind: "signaled", signal: 15 });
    });

    test("a signal by its number ends a program that does not care", async () => {
      const id = await launch("exec sleep 1000");
      await runtime.signal(id, 2);
      await untilEnded(id);
      expect(ended(id)).toEqual({ kind: "signaled", signal: 2 });
    });

    test("a stubborn program lives through SIGTERM and ends by kill, told before kill resolves", async () => {
      const id = await launch('trap "" TERM; sleep 1000');
      await stubborn(id);
      await runtime.signal(id, "SIGTERM");
      expect(await runtime.inspect(id)).toMatchObject({ state: "running" });
      expect(await runtime.kill(id)).toEqual({ ok: true, value: undefined });
      expect(exits).toEqual([[id, { kind: "signaled", signal: 9 }]]);
    });

    /** The shell has set its trap once it waits for sleep. */
    const stubborn = async (id: string): Promise<void> => {
      const state = await runtime.inspect(id);
      if (state.state === "running") await harness.until(() => harness.runs(state.launched.pid, "sleep"));
    };

    test("a kill for a limit is told with the exit, and of no container that has ended", async () => {
      const limitation = { resource: "disk", usedBytes: 2, limitBytes: 1, message: "too much" } as const;
      const ended = await launch("true");
      await untilEnded(ended);
      expect(await runtime.kill(ended, limitation)).toEqual({ ok: true, value: undefined });
      const id = await launch("sleep 1000");
      expect(await runtime.kill(id, limitation)).toEqual({ ok: true, value: undefined });
      expect(exits).toEqual([
        [ended, { kind: "exited", code: 0 }],
        [id, { kind: "signaled", signal: 9, limitation }],
      ]);
    });

    test("kill and signal of ended and unknown containers do nothing", async () => {
      const id = await launch("true");
      await untilEnded(id);
      await runtime.signal(id, "SIGTERM");
      await runtime.signal("unheard-of", "SIGKILL");
      expect(await runtime.kill(id)).toEqual({ ok: true, value: undefined });
      expect(await runtime.kill("unheard-of")).toEqual({ ok: true, value: undefined });
      expect(exits.length).toBe(1);
    });

    test("kill during the fetch cancels the launch", async () => {
      const wanted = spec("true", { uris: [{ value: NEVER, executable: false, extract: false }] });
      const launching = runtime.launch(wanted);
      await runtime.kill(wanted.containerId);
      expect(await launching).toMatchObject({ ok: false, error: { step: "cancelled" } });
      expect(await runtime.inspect(wanted.containerId)).toEqual({ state: "gone" });
      expect(exits).toEqual([]);
    });

    test("a refused URI fails the launch with the fetcher's words", async () => {
      const wanted = spec("true", { uris: [{ value: REFUSED, executable: false, extract: false }] });
      const message = `Failed to fetch "${REFUSED}": refused`;
      expect(await runtime.launch(wanted)).toEqual({ ok: false, error: { step: "fetch", message } });
    });

    test.each<[string, Partial<ContainerSpec>]>([
      ["a container id that is no file name", { containerId: "a/b" }],
      ["a relative sandbox", { sandbox: "here" }],
      ["an empty command", { command: { kind: "exec", file: "", argv: [] } }],
      ["a NUL in the command", { command: { kind: "shell", script: "a\0b" } }],
      ["an impossible variable name", { environment: [["a=b", "c"]] }],
      ["an output file elsewhere", { stdoutName: "../stdout" }],
    ])("%s is refused", async (_, more) => {
      expect(await runtime.launch({ ...spec("true"), ...more })).toMatchObject({
        ok: false,
        error: { step: "validate" },
      });
    });

    test("a lost supervisor is an unknown end", async () => {
      const id = await launch("sleep 1000");
      await harness.loseSupervisor(id, runtime);
      await untilEnded(id);
      expect(ended(id)).toEqual({ kind: "unknown", reason: expect.any(String) });
      expect(await runtime.inspect(id)).toEqual({ state: "gone" });
    });

    test("recover: running containers are followed, ended ones tell how, unknown ones are gone", async () => {
      const running = await launch("sleep 1000");
      const finished = await launch("exit 7");
      await untilEnded(finished);
      const before = await runtime.inspect(running);
      await runtime.close();
      runtime = open();
      const states = await runtime.recover([running, finished, "never-heard-of"]);
      expect(states.get(running)).toEqual(before);
      expect(states.get(finished)).toEqual({ state: "ended", exit: { kind: "exited", code: 7 } });
      expect(states.get("never-heard-of")).toEqual({ state: "never-started" });
      await runtime.signal(running, "SIGTERM");
      await untilEnded(running);
      expect(exits).toEqual([[running, { kind: "signaled", signal: 15 }]]);
    });

    test("recover: an end while nobody looked is found", async () => {
      const id = await launch("sleep 1; exit 5");
      const state = await runtime.inspect(id);
      if (state.state !== "running") throw new Error("It sleeps");
      await runtime.close();
      await harness.until(() => !harness.exists(state.launched.pid));
      runtime = open();
      expect((await runtime.recover([id])).get(id)).toEqual({
        state: "ended",
        exit: { kind: "exited", code: 5 },
      });
      expect(exits).toEqual([]);
    });

    test("recover: a supervisor lost later is told as unknown", async () => {
      const id = await launch("sleep 1000");
      await runtime.close();
      runtime = open();
      await runtime.recover([id]);
      await harness.loseSupervisor(id, runtime);
      await untilEnded(id);
      expect(ended(id)).toMatchObject({ kind: "unknown" });
    });

    test("containers that nobody took up are orphans until killed", async () => {
      const id = await launch("sleep 1000");
      await runtime.close();
      runtime = open();
      expect(await runtime.listOrphans()).toEqual([id]);
      expect(await runtime.kill(id)).toEqual({ ok: true, value: undefined });
      await runtime.cleanup(id);
      expect(await runtime.listOrphans()).toEqual([]);
      expect(exits).toEqual([]);
    });

    const check = (spec: ContainerSpec, script: string, timeoutMs?: number) =>
      runtime.check(
        spec.containerId,
        { kind: "command", spec: { ...spec, command: { kind: "shell", script } } },
        timeoutMs,
      );

    test("a check by a command tells how it ended", async () => {
      const wanted = spec("sleep 1000");
      expect(await runtime.launch(wanted)).toMatchObject({ ok: true });
      expect(await check(wanted, "true")).toEqual({ kind: "exited", code: 0 });
      expect(await check(wanted, "exit 3", 20_000)).toEqual({ kind: "exited", code: 3 });
      expect(await check(wanted, "kill -15 $$")).toMatchObject({ kind: "failed" });
      expect(await check(wanted, "sleep 1001", 50)).toEqual({
        kind: "failed",
        reason: "it took longer than 50 ms",
      });
      expect(exits).toEqual([]);
      expect(await runtime.inspect(wanted.containerId)).toMatchObject({ state: "running" });
    });

    test("only running containers are checked", async () => {
      const wanted = spec("true");
      const untried: CheckResult = { kind: "untried", reason: expect.any(String) };
      expect(await check(wanted, "true")).toEqual(untried);
      await runtime.launch(wanted);
      await untilEnded(wanted.containerId);
      expect(await check(wanted, "true")).toEqual(untried);
      const probe = { kind: "tcp", protocol: "IPv4", port: 1 } as const;
      expect(await runtime.check(wanted.containerId, probe, 1_000)).toEqual(untried);
    });

    test("a container that was taken up by recover is checked", async () => {
      const wanted = spec("sleep 1000");
      await runtime.launch(wanted);
      await runtime.close();
      runtime = open();
      await runtime.recover([wanted.containerId]);
      expect(await check(wanted, "exit 4")).toEqual({ kind: "exited", code: 4 });
    });

    test("cleanup forgets an ended container and leaves a running one", async () => {
      const id = await launch("sleep 1000");
      await runtime.cleanup(id);
      expect(await runtime.inspect(id)).toMatchObject({ state: "running" });
      await runtime.kill(id);
      await runtime.cleanup(id);
      await runtime.cleanup(id);
      expect(await runtime.inspect(id)).toEqual({ state: "gone" });
    });
  });
}
