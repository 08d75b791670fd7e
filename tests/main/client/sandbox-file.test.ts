import { describe, expect, test } from "bun:test";
import { Random } from "../../../src/base/random.ts";
import { SandboxFile } from "../../../src/main/client/sandbox-file.ts";
import type { ReadAnswer } from "../../../src/main/client/sandbox-reader.ts";

/** A task that counts into its log, and an agent that rotates it, both between any two reads. */
class CountingTask {
  readonly keep: number;
  file = "";
  /** Newest first. */
  parts: string[] = [];
  lines = 0;
  readBytes = 100;
  before: () => void = () => {};
  /** What is kept of the file before it gets its number, between the two steps of a rotation. */
  moving: string | undefined;

  constructor(keep: number) {
    this.keep = keep;
  }

  print(lines: number): void {
    for (let line = 0; line < lines; line++) this.file += `${++this.lines}\n`;
  }

  /** @param leave bytes that stay in the file, as after a cut of whole blocks */
  rotate(leave = 0): void {
    this.beginRotation(leave);
    this.endRotation();
  }

  beginRotation(leave: number): void {
    const at = Math.max(0, this.file.length - leave);
    if (at === 0) return;
    this.moving = this.file.slice(0, at);
    this.file = this.file.slice(at);
  }

  endRotation(): void {
    if (this.moving !== undefined) this.parts = [this.moving, ...this.parts].slice(0, this.keep);
    this.moving = undefined;
  }

  async read(name: string, offset: number, lengthBytes = this.readBytes): Promise<ReadAnswer> {
    this.before();
    const number = Number(name.split(".")[1] ?? 0);
    const part = number === 0 ? this.file : this.parts[number - 1];
    const text = name === "stdout.moving.1" ? this.moving : part;
    if (text === undefined) return { kind: "missing" };
    const data = new TextEncoder().encode(text.slice(offset, offset + lengthBytes));
    return { kind: "read", data, sizeBytes: text.length };
  }

  get all(): string {
    return Array.from({ length: this.lines }, (_, line) => `${line + 1}\n`).join("");
  }
}

async function readAll(file: SandboxFile): Promise<string> {
  let text = "";
  for (;;) {
    const chunk = await file.readOn();
    if (chunk === undefined || chunk.length === 0) return text;
    text += new TextDecoder().decode(chunk);
  }
}

describe("SandboxFile", () => {
  test("begins with the oldest part that is there", async () => {
    const task = new CountingTask(9);
    for (let part = 0; part < 3; part++) {
      task.print(100);
      task.rotate();
    }
    task.print(5);
    const file = new SandboxFile(task, "stdout", 0);
    expect([await readAll(file), file.missed]).toEqual([task.all, false]);
  });

  test("follows over rotations at any moment, byte for byte", async () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new Random(seed);
      const task = new CountingTask(40);
      let moves = 0;
      task.before = () => {
        if (task.moving !== undefined && random.below(2) === 0) task.endRotation();
        if (moves > 60) return;
        if (random.below(3) === 0) task.print(random.below(40));
        if (random.below(6) === 0 && task.parts.length < 35 && task.moving === undefined) {
          task.beginRotation(random.below(2) * random.below(300));
          moves++;
        }
        moves++;
      };
      const file = new SandboxFile(task, "stdout", 0);
      let text = "";
      for (let poll = 0; poll < 100; poll++) text += await readAll(file);
      task.before = () => {};
      task.endRotation();
      text += await readAll(file);
      expect([seed, text, file.missed]).toEqual([seed, task.all, false]);
    }
  });

  test("says when parts were gone before they were read, and goes on with what is there", async () => {
    const task = new CountingTask(2);
    const file = new SandboxFile(task, "stdout", 0);
    task.print(10);
    task.rotate();
    expect(await readAll(file)).toBe(task.all);
    for (let part = 0; part < 4; part++) {
      task.print(10);
      task.rotate();
    }
    task.print(1);
    expect(await readAll(file)).toBe([...task.parts].reverse().join("") + task.file);
    expect(file.missed).toBe(true);
  });

  test("goes on where nothing is kept, and after the task emptied its file", async () => {
    const task = new CountingTask(0);
    const file = new SandboxFile(task, "stdout", 0);
    task.print(10);
    expect(await readAll(file)).toBe(task.all);
    task.rotate();
    task.print(1);
    expect(await readAll(file)).toBe("11\n");
  });

  test("begins at the last lines, wherever they are", async () => {
    const task = new CountingTask(9);
    for (let part = 0; part < 3; part++) {
      task.print(10);
      // In the middle of a line.
      task.rotate(1);
    }
    task.print(2);
    const last = async (lines: number): Promise<string> => {
      const file = new SandboxFile(task, "stdout", 0);
      await file.seekToLastLines(lines);
      return await readAll(file);
    };
    expect(await last(1)).toBe("32\n");
    expect(await last(3)).toBe("30\n31\n32\n");
    expect(await last(15)).toBe(task.all.slice(task.all.indexOf("18\n")));
    expect(await last(1_000)).toBe(task.all);
    task.file += "no end";
    expect(await last(2)).toBe("32\nno end");
  });
});
