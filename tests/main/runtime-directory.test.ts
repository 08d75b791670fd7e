import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseRuntimeDirectory, removeUnusedRuntimeDirectory } from "../../src/main/runtime-directory.ts";

const made: string[] = [];
function workDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "mesh-runtime-directory-"));
  made.push(directory);
  return directory;
}
afterEach(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true });
});

test("the same work directory has the same place for ever, another has another", () => {
  const [one, other] = [workDirectory(), workDirectory()];
  const chosen = chooseRuntimeDirectory(one);
  expect(chooseRuntimeDirectory(one)).toBe(chosen);
  expect(chooseRuntimeDirectory(other)).not.toBe(chosen);
});

test("records in the work directory keep their place", () => {
  const work = workDirectory();
  mkdirSync(`${work}/run/containers`, { recursive: true });
  writeFileSync(`${work}/run/containers/c1`, "");
  expect(chooseRuntimeDirectory(work)).toBe(`${work}/run`);
});

test("a place outside of the work directory is root's alone", () => {
  const work = workDirectory();
  const chosen = chooseRuntimeDirectory(work);
  if (chosen === `${work}/run`) return;
  expect(statSync(join(chosen, "..")).mode & 0o077).toBe(0);
});

test("an empty place is removed, one in use is kept", () => {
  const directory = `${workDirectory()}/run`;
  mkdirSync(`${directory}/containers`, { recursive: true });
  writeFileSync(`${directory}/containers/c1`, "");
  removeUnusedRuntimeDirectory(directory);
  expect(existsSync(`${directory}/containers/c1`)).toBe(true);
  rmSync(`${directory}/containers/c1`);
  removeUnusedRuntimeDirectory(directory);
  expect(existsSync(directory)).toBe(false);
});
