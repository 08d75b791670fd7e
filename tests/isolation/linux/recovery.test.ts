import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { present } from "../../../src/base/assert.ts";
import { fail, ok } from "../../../src/base/result.ts";
import { isAlive, parseStat, procTable } from "../../../src/isolation/linux/process-table.ts";
import { openLinuxRuntime } from "../../../src/isolation/linux/runtime.ts";
import type { Fetch, Images } from "../../../src/isolation/runtime.ts";
import { ContainerBench } from "../../support/container-bench.ts";
import { availableForms, LinuxMachine } from "../../support/linux-machine.ts";

const forms = await availableForms();

describe.each(forms)("after kill -9 of the agent, %s", (form) => {
  test("containers live on; the next agent finds them, their ends, and what never started", async () => {
    const machine = new LinuxMachine(form);
    const bench = new ContainerBench(machine);
    const specs = [
      bench.spec("sleep 1000"),
      bench.spec("exit 3"),
      bench.spec("sleep 0.4; exit 4"),
      bench.spec("true", { uris: [{ value: "x", executable: false, extract: false }] }),
    ];
    const [running = "", ended = "", endsLater = "", fetching = ""] = specs.map((spec) => spec.containerId);
    const pids = await launchAndKillAgent(machine, form, specs);
    const laterPid = pids.get(endsLater) ?? 0;
    const later = machine.until(() => !machine.exists(laterPid));
    await later;

    const states = await bench.runtime.recover(specs.map((spec) => spec.containerId));
    expect(states.get(running)).toMatchObject({ state: "running", launched: { pid: pids.get(running) } });
    expect(states.get(ended)).toEqual({ state: "ended", exit: { kind: "exited", code: 3 } });
    expect(states.get(endsLater)).toEqual({ state: "ended", exit: { kind: "exited", code: 4 } });
    expect(states.get(fetching)).toEqual({ state: "never-started" });
    expect(await bench.runtime.listOrphans()).toEqual([ended, endsLater].sort());

    // What never started can be launched now.
    const again = await bench.run({ ...(specs[3] as (typeof specs)[number]), uris: [] });
    expect(again.exit).toEqual({ kind: "exited", code: 0 });
    expect(await bench.runtime.kill(running)).toEqual({ ok: true, value: undefined });
    expect(machine.exists(pids.get(running) ?? 0)).toBe(false);
    for (const { containerId } of specs) await bench.runtime.cleanup(containerId);
    await bench.close();
  });
});

describe.each(forms)("without descriptors, %s", (form) => {
  test("an agent takes no container for gone, and tells ends as they were", async () => {
    const machine = new LinuxMachine(form);
    const bench = new ContainerBench(machine);
    const [lives, ends, fetching] = [
      bench.spec("sleep 1000"),
      bench.spec("sleep 0.1; exit 3"),
      bench.spec("true", { uris: [{ value: "x", executable: false, extract: false }] }),
    ];
    await launchAndKillAgent(machine, form, [lives, fetching]);
    const program = join(import.meta.dir, "exhausted-agent.ts");
    const words = [program, lives.containerId, machine.directory, form, JSON.stringify(ends)];
    const limited = ["prlimit", "--nofile=128:128", process.execPath, ...words];
    const agent = Bun.spawn(limited, { stdio: ["ignore", "pipe", "inherit"] });
    expect(JSON.parse(await new Response(agent.stdout).text())).toEqual({
      state: "cannot be told",
      during: "nothing",
      exits: {
        [lives.containerId]: { kind: "signaled", signal: 9 },
        [ends.containerId]: { kind: "exited", code: 3 },
      },
      killed: { ok: true },
    });
    for (const { containerId } of [lives, ends, fetching]) await bench.runtime.cleanup(containerId);
    await bench.close();
  });
});

async function launchAndKillAgent(
  machine: LinuxMachine,
  form: string,
  specs: readonly { containerId: string }[],
): Promise<Map<string, number>> {
  const program = join(import.meta.dir, "agent-process.ts");
  const words = [process.execPath, program, JSON.stringify(specs), machine.directory, form];
  const agent = Bun.spawn(words, { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  for await (const chunk of agent.stdout) {
    said += new TextDecoder().decode(chunk);
    if (said.includes("fetching")) break;
  }
  agent.kill("SIGKILL");
  await agent.exited;
  const launched = [...said.matchAll(/^launched (\S+) (\d+)$/gm)];
  expect(launched.length).toBe(specs.length - 1);
  return new Map(launched.map(([, id = "", pid]) => [id, Number(pid)]));
}

describe.skipIf(process.platform !== "linux")("records that lie", () => {
  const children: Bun.Subprocess[] = [];
  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.kill("SIGKILL");
      await child.exited;
    }
  });

  /** A stranger's process, and a record that claims it as a supervisor. */
  function forge(machine: LinuxMachine, bootId: string, change: (stat: string) => string): number {
    const child = Bun.spawn(["sleep", "1000"], { detached: true, stdio: ["ignore", "ignore", "ignore"] });
    children.push(child);
    const run = `${machine.directory}/run`;
    mkdirSync(`${run}/containers`, { recursive: true });
    const stat = change(readFileSync(`/proc/${child.pid}/stat`, "utf8").trimEnd());
    const record = { version: 1, containerId: "c1", bootId, namespaces: [], ownSession: true };
    const lines = [
      JSON.stringify(record),
      `mesh: supervisor ${stat}`,
      `mesh: task ${stat}`,
      "mesh: started",
      "",
    ];
    writeFileSync(`${run}/containers/c1`, lines.join("\n"));
    return child.pid;
  }

  const bootId = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

  test("a pid that another process has now is neither reattached nor killed", async () => {
    const machine = new LinuxMachine("posix");
    const pid = forge(machine, bootId(), (stat) => {
      const startTime = present(parseStat(stat), "It is a stat line").startTime;
      return stat.replace(` ${startTime} `, ` ${Number(startTime) - 1} `);
    });
    const bench = new ContainerBench(machine);
    expect((await bench.runtime.recover(["c1"])).get("c1")).toEqual({ state: "gone" });
    expect(await bench.runtime.kill("c1")).toEqual({ ok: true, value: undefined });
    expect(machine.exists(pid)).toBe(true);
    await bench.close();
  });

  test("what never started keeps no files of images, and one that cannot be removed stops nobody", async () => {
    const machine = new LinuxMachine("posix");
    const released: string[] = [];
    const images: Images = {
      provide: async () => fail("there are none"),
      release: async (id) => {
        released.push(id);
        if (id === "stuck") throw new Error("EBUSY");
      },
      configOf: () => undefined,
      containers: () => ["pulled", "stuck"],
    };
    const { directory, host } = machine;
    const fetch: Fetch = async () => ok(undefined);
    const runtime = openLinuxRuntime({ runtimeDirectory: `${directory}/run`, host, fetch, images });
    const states = await runtime.recover(["pulled", "stuck"]);
    expect([...states.values()]).toEqual(Array(2).fill({ state: "never-started" }));
    expect(released).toEqual(["pulled", "stuck"]);
    await runtime.close();
    await machine.close();
  });

  test("a record of an earlier boot counts for nothing", async () => {
    const machine = new LinuxMachine("posix");
    const pid = forge(machine, "another-boot", (stat) => stat);
    const bench = new ContainerBench(machine);
    expect((await bench.runtime.recover(["c1"])).get("c1")).toEqual({ state: "gone" });
    await bench.runtime.cleanup("c1");
    expect(machine.exists(pid)).toBe(true);
    await bench.close();
  });

  test("a zombie is not alive, a stranger with the same pid neither", () => {
    const own = present(procTable.process(process.pid), "This process runs");
    expect(isAlive(procTable, own.pid, own.startTime)).toBe(true);
    expect(isAlive(procTable, own.pid, "1")).toBe(false);
  });
});
