import { afterEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../src/base/log.ts";
import { SandboxGc } from "../../src/io/sandbox-gc.ts";

const WEEK_MS = 7 * 86_400_000;
const NOW_MS = 1_700_000_000_000;

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** A work directory, a clock, a disk and what the agent holds. */
class Bench {
  readonly workDir = mkdtempSync(join(tmpdir(), "mesh-gc-"));
  readonly held = new Set<string>();
  nowMs = NOW_MS;
  use = 0.2;
  tellEnds: () => void = () => {};

  constructor() {
    directories.push(this.workDir);
  }

  open(): SandboxGc {
    return new SandboxGc({
      workDir: this.workDir,
      delayMs: WEEK_MS,
      headroom: 0.1,
      diskUse: () => this.use,
      wallMs: () => this.nowMs,
      holds: (id) => this.held.has(id),
      tellEnds: () => this.tellEnds(),
      log: silentLog,
    });
  }

  /** Makes a sandbox with a file in it that was last touched so long ago. */
  sandbox(name: string, agoMs = 0, executor = name): string {
    const runs = join(this.workDir, "slaves/A/frameworks/F/executors", executor, "runs");
    const path = join(runs, name);
    mkdirSync(join(path, "deep"), { recursive: true });
    writeFileSync(join(path, "deep/stdout"), "words");
    const atS = (this.nowMs - agoMs) / 1_000;
    utimesSync(path, atS, atS);
    rmSync(join(runs, "latest"), { force: true });
    symlinkSync(name, join(runs, "latest"));
    return path;
  }
}

describe("garbage collection of sandboxes", () => {
  test("removes what ended longer ago than the delay allows, with the directories it leaves empty", async () => {
    const bench = new Bench();
    // On a disk that is used to 20 %, with 10 % headroom, 70 % of the delay.
    const old = bench.sandbox("old", 0.71 * WEEK_MS);
    const young = bench.sandbox("young", 0.69 * WEEK_MS);
    const gc = bench.open();
    await gc.sweep();
    expect([existsSync(old), existsSync(young)]).toEqual([false, true]);
    expect(readdirSync(join(bench.workDir, "slaves/A/frameworks/F/executors"))).toEqual(["young"]);
    expect(readdirSync(join(bench.workDir, "gc"))).toEqual([]);
    expect(gc.metrics()).toEqual({
      "gc/path_removals_pending": 1,
      "gc/path_removals_succeeded": 1,
      "gc/path_removals_failed": 0,
    });
    bench.nowMs += 0.02 * WEEK_MS;
    await gc.sweep();
    expect(existsSync(join(bench.workDir, "slaves/A"))).toBe(false);
  });

  test("keeps nothing that has ended when the disk is full, and everything that is held", async () => {
    const bench = new Bench();
    const [ended, held] = [bench.sandbox("ended"), bench.sandbox("held", 2 * WEEK_MS)];
    bench.held.add("held");
    bench.use = 0.95;
    const gc = bench.open();
    await gc.sweep();
    expect([existsSync(ended), existsSync(held)]).toEqual([false, true]);
    bench.held.delete("held");
    bench.use = 0.2;
    gc.ended(held);
    // Its age counts from its end, not from the last change in it.
    await gc.sweep();
    expect(existsSync(held)).toBe(true);
    bench.nowMs += WEEK_MS;
    await gc.sweep();
    expect(existsSync(held)).toBe(false);
  });

  test("an end is remembered over a restart, and no task can put it off", async () => {
    const bench = new Bench();
    const ended = bench.sandbox("ended", 2 * WEEK_MS);
    bench.open().ended(ended);
    expect(statSync(ended).mtimeMs).toBe(NOW_MS);
    const future = bench.sandbox("future", -10 * WEEK_MS);
    const gc = bench.open();
    await gc.sweep();
    expect([existsSync(ended), existsSync(future)]).toEqual([true, true]);
    bench.nowMs += WEEK_MS;
    await gc.sweep();
    expect([existsSync(ended), existsSync(future)]).toEqual([false, false]);
  });

  test("keeps the link to a newer run, also one that is just being launched", async () => {
    const bench = new Bench();
    bench.sandbox("run1", 2 * WEEK_MS, "e");
    const run2 = bench.sandbox("run2", 0, "e");
    const other = bench.sandbox("gone", 2 * WEEK_MS, "launching");
    const latest = join(other, "../latest");
    rmSync(latest);
    // The link is made first, then its sandbox.
    symlinkSync("coming", latest);
    bench.held.add("coming");
    const gc = bench.open();
    await gc.sweep();
    expect(readdirSync(join(run2, "..")).sort()).toEqual(["latest", "run2"]);
    expect(existsSync(other)).toBe(false);
    expect(lstatSync(latest).isSymbolicLink()).toBe(true);
  });

  test("a run that was let go just before the disk is read is as young as its end", async () => {
    const bench = new Bench();
    const path = bench.sandbox("weeks-old", 3 * WEEK_MS);
    const gc = bench.open();
    bench.tellEnds = () => gc.ended(path);
    await gc.sweep();
    expect([existsSync(path), gc.metrics()["gc/path_removals_pending"]]).toEqual([true, 1]);
  });

  test("finds a run of which it never heard: it was over before anybody looked", async () => {
    const bench = new Bench();
    const gc = bench.open();
    await gc.sweep();
    const unseen = bench.sandbox("unseen");
    await gc.sweep();
    bench.nowMs += WEEK_MS;
    await gc.sweep();
    expect(existsSync(unseen)).toBe(false);
    // On a full disk at once.
    const next = bench.sandbox("next");
    bench.use = 1;
    bench.nowMs += 1;
    await gc.sweep();
    expect(existsSync(next)).toBe(false);
  });

  test("a standalone container of an id that was used before is as old as its last end", async () => {
    const bench = new Bench();
    const gc = bench.open();
    await gc.sweep();
    const path = join(bench.workDir, "containers/again");
    mkdirSync(path, { recursive: true });
    gc.ended(path);
    bench.held.add("again");
    bench.nowMs += WEEK_MS;
    await gc.sweep();
    gc.ended(path);
    bench.held.delete("again");
    await gc.sweep();
    expect(existsSync(path)).toBe(true);
    bench.nowMs += WEEK_MS;
    await gc.sweep();
    expect(existsSync(path)).toBe(false);
  });

  test("standalone containers' sandboxes go as others do, those inside of them with them", async () => {
    const bench = new Bench();
    const made = (name: string, agoMs: number): string => {
      const path = join(bench.workDir, "containers", name);
      mkdirSync(join(path, "containers/inside"), { recursive: true });
      const atS = (bench.nowMs - agoMs) / 1_000;
      utimesSync(path, atS, atS);
      return path;
    };
    const [old, young, held] = [made("old", WEEK_MS), made("young", 0), made("held", WEEK_MS)];
    bench.held.add("held");
    const gc = bench.open();
    await gc.sweep();
    expect([old, young, held].map((path) => existsSync(path))).toEqual([false, true, true]);
    gc.ended(join(young, "containers/inside"));
    gc.ended(held);
    bench.held.clear();
    bench.nowMs += WEEK_MS;
    await gc.sweep();
    expect(readdirSync(join(bench.workDir, "containers"))).toEqual([]);
    expect(existsSync(bench.workDir)).toBe(true);
    await gc.close();
  });

  test("follows no link out of a sandbox, and clears away what a crash left half deleted", async () => {
    const bench = new Bench();
    const outside = join(bench.workDir, "outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "precious"), "kept");
    const old = bench.sandbox("old", 2 * WEEK_MS);
    symlinkSync(outside, join(old, "deep/link"));
    mkdirSync(join(bench.workDir, "gc/crashed/deep"), { recursive: true });
    await bench.open().sweep();
    expect(readdirSync(outside)).toEqual(["precious"]);
    expect(readdirSync(join(bench.workDir, "gc"))).toEqual([]);
    expect(existsSync(old)).toBe(false);
  });

  test("what another agent id left behind goes too; nothing else in the work directory does", async () => {
    const bench = new Bench();
    for (const path of ["slaves/OLD/frameworks/F/executors/e/runs/r", "volumes/roles/r/v", "meta"])
      mkdirSync(join(bench.workDir, path), { recursive: true });
    bench.use = 1;
    await bench.open().sweep();
    expect(readdirSync(bench.workDir).sort()).toEqual(["gc", "meta", "slaves", "volumes"]);
    expect(readdirSync(join(bench.workDir, "slaves"))).toEqual([]);
    expect(existsSync(join(bench.workDir, "volumes/roles/r/v"))).toBe(true);
  });
});
