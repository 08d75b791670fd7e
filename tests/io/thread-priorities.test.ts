import { describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Scheduling, SchedulingCalls } from "../../src/io/scheduling.ts";
import { planPriorities, type Thread } from "../../src/io/thread-priorities.ts";

const DEFAULT: Scheduling = { policy: 0, nice: 0, sliceNs: 2_800_000, resetOnFork: false };
const SLICE_NS = 100_000;
const TIMEOUT_MS = 20_000;

function thread(id: number, name: string, differs: Partial<Thread & Scheduling> = {}): Thread {
  const { policy, nice, sliceNs, resetOnFork } = { ...DEFAULT, ...differs };
  const { bornAt = id, settled = true } = differs;
  return { id, name, bornAt, settled, scheduling: { policy, nice, sliceNs, resetOnFork } };
}

/** The changes as "<id> <nice> <slice in ns>", "r" for a reset on fork. */
function plan(...threads: Thread[]): string[] {
  return planPriorities(7, threads).map(({ id, scheduling: { nice, sliceNs, resetOnFork } }) => {
    return `${id} ${nice} ${sliceNs}${resetOnFork ? " r" : ""}`;
  });
}

describe("what is to change", () => {
  test("the runtime's own threads get a higher nice value, those that answer short slices", () => {
    const own = [thread(8, "JITWorker"), thread(9, "HeapHelper"), thread(10, "mi-scavenger")];
    const others = [thread(11, "Bun Pool 0"), thread(12, "JSCWarmUp"), thread(13, "HTTP Client")];
    expect(plan(thread(7, "mesh"), ...own, ...others)).toEqual([
      ...["7 0 100000 r", "8 5 0", "9 5 0", "10 5 0", "11 0 100000 r", "12 5 0"],
    ]);
  });

  test("nothing where all is done", () => {
    const done = [thread(7, "mesh", { sliceNs: SLICE_NS }), thread(8, "JITWorker", { nice: 5 })];
    expect(plan(...done)).toEqual([]);
  });

  test("the later of two threads with one name is LevelDB's, as soon as it surely has no other name", () => {
    const main = thread(7, "mesh", { sliceNs: SLICE_NS });
    const pool = (id: number, differs: Partial<Thread & Scheduling>) => thread(id, "Bun Pool 1", differs);
    // Numbers of threads begin anew some time.
    const born = pool(60, { bornAt: 100, sliceNs: SLICE_NS });
    expect(plan(main, born, pool(20, { bornAt: 900 }))).toEqual(["20 5 0"]);
    expect(plan(main, born, pool(20, { bornAt: 900, settled: false }))).toEqual([]);
    expect(plan(main, born, pool(20, { bornAt: 100 }))).toEqual(["20 0 100000 r"]);
  });

  test("a nice value that an operator chose counts; with one below 0 it is passed on", () => {
    expect(plan(thread(7, "mesh", { nice: 10 }), thread(8, "JITWorker", { nice: 10 }))).toEqual([
      ...["7 10 100000 r", "8 15 0"],
    ]);
    expect(plan(thread(7, "mesh", { nice: 17 }), thread(8, "JITWorker", { nice: 17 }))).toEqual([
      ...["7 17 100000 r", "8 19 0"],
    ]);
    const first = { nice: -5, sliceNs: SLICE_NS };
    expect(plan(thread(7, "mesh", { nice: -5 }), thread(8, "JITWorker", first))).toEqual([
      ...["7 -5 100000", "8 0 0"],
    ]);
    expect(plan(thread(7, "mesh", { sliceNs: SLICE_NS }), thread(8, "JITWorker", { nice: 9 }))).toEqual([]);
  });

  test("another policy is left alone, of the process or of a thread", () => {
    const batch = { policy: 3 };
    expect(plan(thread(7, "mesh", batch), thread(8, "JITWorker"))).toEqual([]);
    expect(plan(thread(7, "mesh", { sliceNs: SLICE_NS }), thread(8, "JITWorker", batch))).toEqual([]);
  });

  test("a kernel without slices has nice values", () => {
    const old = { sliceNs: 0 };
    expect(plan(thread(7, "mesh", old), thread(8, "JITWorker", old))).toEqual(["8 5 0"]);
  });
});

/** A process that keeps a database, with work for all threads; its first look is over when it has a child. */
const PROGRAM = `
  import { keepThreadPriorities } from "${join(import.meta.dir, "../../src/io/thread-priorities.ts")}";
  import { LevelDatabase } from "${join(import.meta.dir, "../../src/io/level.ts")}";
  const database = await LevelDatabase.open(process.argv.at(-1));
  const say = () => {};
  keepThreadPriorities({ debug: say, info: say, warn: say, error: say });
  console.log(Bun.spawn(["sleep", "600"]).pid);
  // Its memory table is 4 MiB: LevelDB's thread writes it down.
  for (let i = 0; i < 6; i++) {
    await database.write([{ type: "put", key: new Uint8Array([i]), value: new Uint8Array(1 << 20) }], false);
  }
  const made = [];
  setInterval(() => {
    for (let i = 0; i < 50_000; i++) made[i] = { name: "n" + i, other: made[i] === undefined };
  }, 10);`;

interface Seen {
  readonly id: number;
  readonly name: string;
  /** As proc_pid_stat(5) has it. */
  readonly nice: number;
  readonly scheduling: Scheduling | undefined;
}

function threadsOf(pid: number, calls: SchedulingCalls): Seen[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((number) => {
    const id = Number(number);
    const stat = statOf(`/proc/${pid}/task/${id}/stat`);
    const end = stat.lastIndexOf(")");
    const nice = Number(stat.slice(end + 2).split(" ")[16]);
    const name = stat.slice(stat.indexOf("(") + 1, end);
    return stat === "" ? [] : [{ id, name, nice, scheduling: calls.get(id) }];
  });
}

/** Empty for a thread that has ended. */
function statOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

const WORK = ["JITWorker", "HeapHelper", "mi-scavenger"];

/** Of the runtime, or one of LevelDB, which repeats a name. */
function isBackground({ name, id }: Seen, seen: readonly Seen[]): boolean {
  const repeats = seen.some((other) => other.name === name && other.id < id);
  return [...WORK, "JSCWarmUp"].includes(name) || (name.startsWith("Bun Pool") && repeats);
}

test.skipIf(process.platform !== "linux")(
  "threads of a process have them, LevelDB's too; its children do not inherit the slice",
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "mesh-threads-"));
    // Given by -e it would have no threads for its compiler.
    const file = join(directory, "program.ts");
    writeFileSync(file, PROGRAM);
    const program = Bun.spawn([process.execPath, file, join(directory, "db")], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let child: number | undefined;
    try {
      for await (const bytes of program.stdout) {
        child = Number(new TextDecoder().decode(bytes));
        break;
      }
      const calls = new SchedulingCalls();
      const own = calls.get(process.pid);
      if (own === undefined || child === undefined) throw new Error("A process that runs has a scheduling");
      expect(calls.get(child)).toEqual(own);
      const background = { ...own, nice: Math.min(own.nice + 5, 19) };
      // A kernel before 6.12 has none.
      const atOnce = own.sliceNs === 0 ? own : { ...own, sliceNs: SLICE_NS, resetOnFork: own.nice >= 0 };
      await until("all threads to have their priorities", () => {
        const seen = threadsOf(program.pid, calls);
        const work = seen.filter((each) => isBackground(each, seen));
        const others = seen.filter((each) => each.id === program.pid || /^Bun Pool/.test(each.name));
        const names = work.map(({ name }) => name);
        return (
          [...WORK, "Bun Pool"].every((name) => names.some((each) => each.startsWith(name))) &&
          work.every((each) => each.nice === background.nice && same(each.scheduling, background)) &&
          others.filter((each) => !work.includes(each)).every((each) => same(each.scheduling, atOnce))
        );
      });
    } finally {
      program.kill("SIGKILL");
      await program.exited;
      if (child !== undefined) process.kill(child, "SIGKILL");
      rmSync(directory, { recursive: true, force: true });
    }
  },
  TIMEOUT_MS,
);

test.skipIf(process.platform !== "linux")(
  "a master keeps its threads' priorities",
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "mesh-threads-"));
    const cli = join(import.meta.dir, "../../src/cli.ts");
    const flags = ["--ip", "127.0.0.1", "--port", "0", "--raft-port", "0", "--quiet"];
    const master = Bun.spawn([process.execPath, cli, "master", ...flags, "--data-dir", directory], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    try {
      const calls = new SchedulingCalls();
      const nice = Math.min((calls.get(process.pid)?.nice ?? 0) + 5, 19);
      await until("the runtime's threads to have the nice value", () => {
        return threadsOf(master.pid, calls).some((each) => each.name === "JITWorker" && each.nice === nice);
      });
    } finally {
      master.kill("SIGTERM");
      expect(await master.exited).toBe(0);
      rmSync(directory, { recursive: true, force: true });
    }
  },
  TIMEOUT_MS,
);

/** Background threads may have been born with the flag, or not. */
function same(one: Scheduling | undefined, other: Scheduling): boolean {
  return Bun.deepEquals({ ...one, resetOnFork: false }, { ...other, resetOnFork: false });
}

/** Looks again and again, until it is so. */
async function until(what: string, isSo: () => boolean): Promise<void> {
  const endMs = performance.now() + TIMEOUT_MS / 2;
  while (!isSo()) {
    if (performance.now() > endMs) throw new Error(`Waited in vain for ${what}`);
    await Bun.sleep(20);
  }
}
