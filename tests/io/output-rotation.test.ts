import { afterEach, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Log, silentLog } from "../../src/base/log.ts";
import { type Cut, CutFront } from "../../src/io/cut-front.ts";
import { type OutputFile, OutputRotation } from "../../src/io/output-rotation.ts";

const KIB = 1_024;
const NO_CUT: Cut = { front: async () => false };

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function sandbox(): string {
  const directory = mkdtempSync(join(tmpdir(), "mesh-rotation-"));
  directories.push(directory);
  return directory;
}

/** Numbered lines, until there are so many bytes. */
function counting(bytes: number, from = 1): string {
  const lines: string[] = [];
  for (let number = from, size = 0; size < bytes; number++) {
    lines.push(`${number}\n`);
    size += lines.at(-1)?.length ?? 0;
  }
  return lines.join("");
}

async function rotate(path: string, parts: number, cut?: Cut, log: Log = silentLog): Promise<OutputRotation> {
  const rotation = new OutputRotation(log, cut);
  rotation.look({ path, root: tmpdir(), maxBytes: 16 * KIB, parts });
  await rotation.close();
  return rotation;
}

/** The parts, oldest first, and then the file. */
function all(directory: string): string {
  const parts = readdirSync(directory)
    .filter((name) => name.startsWith("stdout."))
    .sort((a, b) => Number(b.slice(7)) - Number(a.slice(7)));
  return [...parts, "stdout"].map((name) => readFileSync(join(directory, name), "utf8")).join("");
}

describe("rotation of log files", () => {
  test("of a file whose path cannot be is none, and keeps nobody from looking at others", () => {
    const path = join(sandbox(), "x".repeat(300), "stdout");
    expect(new OutputRotation(silentLog).look({ path, root: tmpdir(), maxBytes: 1, parts: 1 })).toBe(0);
  });

  test("of a file that is looked at for the last time waits for its turn, behind others and itself", async () => {
    const directory = sandbox();
    const slow = Promise.withResolvers<boolean>();
    const rotation = new OutputRotation(silentLog, { front: () => slow.promise });
    const files = ["a", "b", "c"].map((name) => ({
      path: join(directory, name),
      root: tmpdir(),
      maxBytes: 16 * KIB,
      parts: 1,
    }));
    for (const { path } of files) writeFileSync(path, "x".repeat(40 * KIB));
    const [a, b, c] = files as [OutputFile, OutputFile, OutputFile];
    rotation.look(a);
    rotation.look(b);
    rotation.lookLast(c);
    rotation.lookLast(a);
    slow.resolve(false);
    await rotation.close();
    expect(readdirSync(directory).sort()).toEqual(["a", "a.1", "b", "b.1", "c", "c.1"]);
    for (const { path, maxBytes } of files) expect(readFileSync(path).length).toBeLessThanOrEqual(maxBytes);
  });

  for (const [name, cut] of [
    ["cut off its front, where the file system can", undefined],
    ["truncated", NO_CUT],
  ] as const) {
    test(`moves what is in a file to numbered parts and leaves the file where it is, ${name}`, async () => {
      const directory = sandbox();
      const path = join(directory, "stdout");
      const file = openSync(path, "a");
      const text = counting(40 * KIB);
      appendFileSync(file, text);
      const rotation = await rotate(path, 9, cut);
      expect(rotation.metrics()).toEqual({
        "mesh/agent/output_rotations": 1,
        "mesh/agent/output_rotations_failed": 0,
      });
      expect(readdirSync(directory).sort()).toEqual(["stdout", "stdout.1", "stdout.2"]);
      expect(all(directory)).toBe(text);
      // The task writes on into the same file.
      appendFileSync(file, counting(40 * KIB, 100_000));
      closeSync(file);
      await rotate(path, 9, cut);
      expect(all(directory)).toBe(text + counting(40 * KIB, 100_000));
      expect(readFileSync(path).length).toBeLessThan(16 * KIB);
    });
  }

  test("keeps the newest parts, and no more than were asked for", async () => {
    const directory = sandbox();
    const path = join(directory, "stdout");
    const text = counting(200 * KIB);
    writeFileSync(path, text);
    await rotate(path, 2);
    expect(readdirSync(directory).sort()).toEqual(["stdout", "stdout.1", "stdout.2"]);
    expect(text.endsWith(all(directory))).toBe(true);
    writeFileSync(path, counting(20 * KIB), { flag: "a" });
    await rotate(path, 0, NO_CUT);
    expect(readFileSync(path, "utf8")).toBe("");
  });

  test("loses nothing of what is written meanwhile, where the file system can cut", async () => {
    const directory = sandbox();
    const path = join(directory, "stdout");
    writeFileSync(path, "x".repeat(8 * KIB));
    const probe = openSync(path, "r+");
    const able = await new CutFront().front(probe, 1, 4 * KIB);
    closeSync(probe);
    rmSync(path);
    // On tmpfs and btrfs there is no such promise to test.
    if (!able) return;
    const enough = join(sandbox(), "enough");
    const script = `exec >>"$0"; i=0; until [ $i -ge 200 ] && [ -e "$1" ]; do seq $((i*1000+1)) $((i*1000+1000)); i=$((i+1)); done`;
    const writer = Bun.spawn(["sh", "-c", script, path, enough], { stdio: ["ignore", "ignore", "ignore"] });
    const rotation = new OutputRotation(silentLog);
    const rotations = () => rotation.metrics()["mesh/agent/output_rotations"] ?? 0;
    let ended = false;
    void writer.exited.then(() => {
      ended = true;
    });
    while (!ended) {
      rotation.look({ path, root: tmpdir(), maxBytes: 64 * KIB, parts: 1_000 });
      await new Promise((resolve) => setImmediate(resolve));
      if (rotations() > 2) writeFileSync(enough, "");
    }
    await rotation.close();
    const found = all(directory);
    const lines = found.split("\n").length - 1;
    expect([lines % 1_000, lines >= 200_000]).toEqual([0, true]);
    const expected = Array.from({ length: lines }, (_, line) => `${line + 1}\n`).join("");
    expect(found === expected).toBe(true);
  });

  test("touches nothing that the task's file leads to", async () => {
    const directory = sandbox();
    const outside = sandbox();
    const precious = join(outside, "precious");
    writeFileSync(precious, counting(40 * KIB));
    const path = join(directory, "stdout");
    for (const lead of [() => symlinkSync(precious, path), () => linkSync(precious, path)]) {
      lead();
      await rotate(path, 9);
      expect(readFileSync(precious, "utf8")).toBe(counting(40 * KIB));
      expect(readdirSync(directory)).toEqual(["stdout"]);
      rmSync(path);
    }
    // A link where a part is to be written, and a directory where one is.
    writeFileSync(path, counting(40 * KIB));
    symlinkSync(precious, `${path}.rotating.1`);
    symlinkSync(precious, `${path}.1`);
    mkdirSync(`${path}.2`);
    await rotate(path, 9);
    expect(readFileSync(precious, "utf8")).toBe(counting(40 * KIB));
    expect(readFileSync(path).length).toBeLessThan(16 * KIB);
  });

  test("touches nothing where a directory above the file was swapped for a link", async () => {
    const [pod, other] = [sandbox(), sandbox()];
    mkdirSync(join(pod, "containers/task"), { recursive: true });
    mkdirSync(join(other, "task"));
    const [path, foreign] = [join(pod, "containers/task/stdout"), join(other, "task/stdout")];
    writeFileSync(foreign, counting(40 * KIB));
    writeFileSync(`${foreign}.moving.1`, "a");
    renameSync(join(pod, "containers"), join(pod, "aside"));
    symlinkSync(other, join(pod, "containers"));
    const said: string[] = [];
    const log: Log = { ...silentLog, warn: (_, fields) => void said.push(`${fields?.["reason"]}`) };
    const rotation = await rotate(path, 0, NO_CUT, log);
    rotation.finish({ path, root: tmpdir(), maxBytes: 16 * KIB, parts: 1 });
    expect(readFileSync(foreign, "utf8")).toBe(counting(40 * KIB));
    expect(readdirSync(join(other, "task")).sort()).toEqual(["stdout", "stdout.moving.1"]);
    expect(said).toEqual(["its sandbox is no longer where the agent made it"]);
  });

  test("a file becomes small also where no part of it can be kept, and that is said once", async () => {
    const directory = sandbox();
    const path = join(directory, "stdout");
    mkdirSync(`${path}.rotating.1/in/the/way`, { recursive: true });
    const said: string[] = [];
    const log: Log = {
      ...silentLog,
      warn: (message, fields) => void said.push(`${message}: ${fields?.["reason"]}`),
    };
    const rotation = new OutputRotation(log, NO_CUT);
    for (let round = 0; round < 2; round++) {
      writeFileSync(path, counting(40 * KIB));
      rotation.look({ path, root: tmpdir(), maxBytes: 16 * KIB, parts: 9 });
      await rotation.close();
      expect(readFileSync(path).length).toBe(0);
    }
    expect(said).toHaveLength(1);
    expect(said[0]).toContain("its oldest output is dropped");
  });

  for (const isCut of [true, false]) {
    const when = isCut ? "after" : "before";
    test(`what an agent left that was killed ${when} the cut is finished`, () => {
      const directory = sandbox();
      const path = join(directory, "stdout");
      const text = counting(40 * KIB);
      writeFileSync(`${path}.1`, "earlier\n");
      writeFileSync(`${path}.moving.1`, text.slice(0, 16 * KIB));
      writeFileSync(`${path}.moving.2`, text.slice(16 * KIB, 32 * KIB));
      writeFileSync(path, isCut ? text.slice(32 * KIB) : text);
      new OutputRotation(silentLog).finish({ path, root: tmpdir(), maxBytes: 16 * KIB, parts: 9 });
      expect(all(directory)).toBe(`earlier\n${text}`);
      expect(readdirSync(directory).filter((name) => name.includes("moving"))).toEqual([]);
    });
  }

  test("a file that is gone, or small, is left alone", async () => {
    const directory = sandbox();
    await rotate(join(directory, "stdout"), 9);
    writeFileSync(join(directory, "stdout"), "x".repeat(16 * KIB));
    await rotate(join(directory, "stdout"), 9);
    expect(existsSync(join(directory, "stdout.1"))).toBe(false);
  });
});
