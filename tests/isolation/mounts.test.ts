import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ReadyMount } from "../../src/isolation/container.ts";
import { fstabText, mountScript } from "../../src/isolation/mounts.ts";
import { mayRun } from "../support/must-run.ts";

test("lines of fstab(5), whatever is in a path", () => {
  const mounts: ReadyMount[] = [
    { kind: "bind", source: "/a b", target: "/c\\d", readOnly: true },
    { kind: "bind", source: "/a", target: "/b", readOnly: false, recursive: true },
    { kind: "file-system", type: "tmpfs", target: "/t", options: "size=1m" },
  ];
  expect(fstabText(mounts)).toBe(
    "/a\\040b /c\\134d none bind,ro 0 0\n/a /b none rbind 0 0\nmesh /t tmpfs size=1m 0 0\n",
  );
});

const MOUNT = "/usr/bin/mount";
const UNSHARE = "/usr/bin/unshare";

function canMount(): boolean {
  if (process.getuid?.() !== 0 || !existsSync(MOUNT) || !existsSync(UNSHARE)) return false;
  return Bun.spawnSync([UNSHARE, "--mount", "--propagation", "private", MOUNT, "--version"]).exitCode === 0;
}

describe.skipIf(!mayRun(canMount()))("mounts in a namespace of their own", () => {
  let root = "";
  let sandbox = "";
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "mesh-mounts-"));
    sandbox = join(root, "sand box");
    for (const path of ["sand box/a/b", "host/below", "out"])
      mkdirSync(join(root, path), { recursive: true });
    writeFileSync(join(root, "host/file"), "of the host");
    writeFileSync(join(sandbox, "a/f"), "");
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  function run(mounts: readonly ReadyMount[], script: string): string {
    const part = mountScript(mounts, sandbox, MOUNT, "|| exit 1");
    const done = Bun.spawnSync(
      [
        UNSHARE,
        "--mount",
        "--propagation",
        "private",
        "/bin/sh",
        "-c",
        `set -u\n${part.script}\n${script}`,
        "sh",
        ...part.words,
        "the end",
      ],
      { cwd: sandbox, stdin: "ignore" },
    );
    return `${done.stdout}${done.stderr}`.trim();
  }
  const bind = (more: Partial<Extract<ReadyMount, { kind: "bind" }>>): ReadyMount => ({
    kind: "bind",
    source: join(root, "host"),
    target: "a/b",
    readOnly: false,
    ...more,
  });

  test("a directory is seen, can be written, and the parameters that follow are untouched", () => {
    expect(run([bind({})], 'echo "$*"; cat a/b/file; echo x >a/b/made')).toBe("the end\nof the host");
    expect(existsSync(join(root, "host/made"))).toBe(true);
    expect(existsSync(join(sandbox, "a/b/file"))).toBe(false);
  });

  test("read-only directories and files cannot be written", () => {
    const file = bind({ source: join(root, "host/file"), target: "a/f", readOnly: true });
    const said = run([bind({ readOnly: true }), file], "cat a/f; echo x >a/b/made; echo x >a/f");
    expect(said).toStartWith("of the host");
    expect(said.match(/Read-only file system/g)).toHaveLength(2);
    expect(run([bind({ source: join(root, "host/file"), target: "a/f" })], "echo y >a/f")).toBe("");
  });

  test("a part of the sandbox in another place, and a new file system", () => {
    mkdirSync(join(sandbox, "own"));
    writeFileSync(join(sandbox, "own/x"), "mine");
    const fresh: ReadyMount = {
      kind: "file-system",
      type: "tmpfs",
      target: "own",
      options: "size=1m,mode=1777",
    };
    expect(run([bind({ source: "own" }), fresh], "cat a/b/x; ls own; stat -f -c %T own")).toBe("minetmpfs");
  });

  test("no link on the way is followed, on neither side", () => {
    symlinkSync(join(root, "out"), join(sandbox, "way"));
    symlinkSync(join(root, "host/file"), join(sandbox, "a/link"));
    mkdirSync(join(root, "out/in"));
    const mounted = "echo mounted";
    expect(run([bind({ target: "way" })], mounted)).toBe("way of the path way is a link or no directory");
    expect(run([bind({ target: "way/in" })], mounted)).toContain("is a link or no directory");
    expect(run([bind({ source: "way" })], mounted)).toContain("is a link or no directory");
    const file = bind({ source: join(root, "host/file"), target: "a/link" });
    expect(run([file], mounted)).toContain("the path a/link is a link, or is not there");
  });

  test("what is missing is named, with what helps and without the shell's own words", () => {
    const helps =
      "is not there; make it on the agent's machine, or name a place in the sandbox: no / in front";
    const none = join(root, "none");
    expect(run([bind({ target: `${none}/in` })], "")).toBe(`none of the path ${none}/in ${helps}`);
    const file = bind({ source: join(root, "host/file"), target: none });
    expect(run([file], "")).toBe(`the path ${none} is a link, or ${helps}`);
  });

  test("absolute targets", () => {
    expect(run([bind({ target: join(root, "out") })], `cat ${join(root, "out/file")}`)).toBe("of the host");
  });
});
