import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  appendFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FollowedOutput } from "../../src/io/follow-output.ts";

const BLOCK = 4096;
let directory: string;
let stdout: string;
let ended: AbortController;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mesh-follow-"));
  stdout = join(directory, "stdout");
  ended = new AbortController();
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function follow(lookIntervalMs?: number): FollowedOutput {
  const files = (["stdout", "stderr"] as const).map((stream) => ({ stream, path: join(directory, stream) }));
  return new FollowedOutput(files, ended.signal, lookIntervalMs);
}

async function next(output: FollowedOutput): Promise<string | undefined> {
  const piece = await output.next();
  return piece === undefined ? undefined : `${piece.stream} ${new TextDecoder().decode(piece.bytes)}`;
}

/** Lines that differ, so many bytes in all. */
function lines(from: number, bytes: number): string {
  let text = "";
  for (let number = from; text.length < bytes; number++) text += `line ${String(number).padStart(10, "0")}\n`;
  return text.slice(0, bytes);
}

/** Everything up to the end, which is said now. */
async function rest(output: FollowedOutput): Promise<string> {
  ended.abort();
  let text = "";
  for (let piece = await output.next(); piece; piece = await output.next()) {
    text += new TextDecoder().decode(piece.bytes);
  }
  return text;
}

test("tells what is appended from now on, also to files that come later, until the end", async () => {
  writeFileSync(stdout, "before\n");
  const later = follow();
  appendFileSync(stdout, "after\n");
  expect(await next(later)).toBe("stdout after\n");
  const second = next(later);
  writeFileSync(join(directory, "stderr"), "late\n");
  expect(await second).toBe("stderr late\n");
  appendFileSync(stdout, "last\n");
  ended.abort();
  expect(await next(later)).toBe("stdout last\n");
  expect(await next(later)).toBeUndefined();
});

test("of two lines written one right after the other tells the second at once, too", async () => {
  const [rounds, never] = [20, 2 ** 31 - 1];
  const output = follow(never);
  let text = "";
  for (let round = 1; round <= rounds; round++) {
    const writer = Bun.spawn(["/bin/sh", "-c", "echo 1 >>stdout; /bin/true; echo 2 >>stdout"], {
      cwd: directory,
    });
    while (text.length < "1\n2\n".length * round) text += (await next(output))?.slice("stdout ".length) ?? "";
    expect(await writer.exited).toBe(0);
  }
  expect(text).toBe("1\n2\n".repeat(rounds));
});

test("whose reader leaves waits no longer", async () => {
  const output = follow();
  const waiting = output.next();
  output.close();
  expect(await waiting).toBeUndefined();
});

/** A follower that has read the first so many bytes of a file. */
async function readSome(text: string): Promise<FollowedOutput> {
  writeFileSync(stdout, "");
  const output = follow();
  appendFileSync(stdout, text);
  expect(await next(output)).toBe(`stdout ${text}`);
  return output;
}

/** As the agent moves the front of a file away. */
function cut(whole: string, at: number): void {
  writeFileSync(`${stdout}.1`, whole.slice(0, at));
  truncateSync(stdout, 0);
  appendFileSync(stdout, whole.slice(at));
}

test("goes on in a file whose front was moved away, before or behind what was read", async () => {
  const read = lines(0, 3 * BLOCK + 100);
  const more = lines(5000, 2 * BLOCK);
  let output = await readSome(read);
  cut(read + more, 2 * BLOCK);
  expect(await rest(output)).toBe(more);

  ended = new AbortController();
  rmSync(`${stdout}.1`);
  output = await readSome(read);
  cut(read + more, 4 * BLOCK);
  expect(await rest(output)).toBe(more);

  ended = new AbortController();
  rmSync(`${stdout}.1`);
  output = await readSome(read);
  // Between the bytes that are remembered.
  cut(read + more, 3 * BLOCK);
  expect(await rest(output)).toBe(more);
});

test("goes on at the front of a file that was emptied once all of it was moved", async () => {
  const read = lines(0, 1000);
  const output = await readSome(read);
  cut(read, read.length);
  appendFileSync(stdout, "new\n");
  expect(await rest(output)).toBe("new\n");
});

test("says that something was missed when its place is nowhere", async () => {
  const output = await readSome(lines(0, 2 * BLOCK));
  cut(lines(9000, 3 * BLOCK), BLOCK);
  expect(await rest(output)).toStartWith("mesh: some output was moved away before it was read");
});

test("reads a file that was moved away whole to its end, then the new one", async () => {
  const output = await readSome("one\n");
  appendFileSync(stdout, "two\n");
  renameSync(stdout, `${stdout}.old`);
  writeFileSync(stdout, "three\n");
  expect(await rest(output)).toBe("two\nthree\n");
});

test("links and pipes are not followed", async () => {
  writeFileSync(join(directory, "secret"), "secret\n");
  symlinkSync(join(directory, "secret"), stdout);
  Bun.spawnSync(["mkfifo", join(directory, "stderr")]);
  const output = follow();
  const first = output.next();
  ended.abort();
  expect(await first).toBeUndefined();
});
