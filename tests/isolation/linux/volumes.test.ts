import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { linkVolumes } from "../../../src/isolation/linux/volumes.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "mesh-volumes-"));
  mkdirSync(join(root, "sandbox"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function link(target: string): string {
  const linked = linkVolumes(join(root, "sandbox"), [{ source: join(root, "v"), target }], undefined);
  return linked.ok ? "" : linked.error;
}

test("a volume is made at first use and keeps its content; a repeat finds its own link", () => {
  expect(link("a/b")).toBe("");
  writeFileSync(join(root, "sandbox/a/b/file"), "x");
  expect(readdirSync(join(root, "v"))).toEqual(["file"]);
  expect(link("a/b")).toBe("");
  expect(readlinkSync(join(root, "sandbox/a/b"))).toBe(join(root, "v"));
});

test("nothing in the sandbox is replaced, and no link in it leads out", () => {
  mkdirSync(join(root, "outside"));
  symlinkSync(join(root, "outside"), join(root, "sandbox/way"));
  expect(link("way/data")).toContain("is no directory");
  expect(readdirSync(join(root, "outside"))).toEqual([]);
  writeFileSync(join(root, "sandbox/file"), "");
  expect(link("file")).toContain("exists already");
});
