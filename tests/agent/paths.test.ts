import { describe, expect, test } from "bun:test";
import {
  latestLinkPath,
  resolveSandboxPath,
  sandboxPath,
  virtualSandboxPath,
} from "../../src/agent/paths.ts";

const WORK = "/var/lib/mesh";
const IDS = { agentId: "A", frameworkId: "F", executorId: "t", containerId: "c-1" };
const RUNS = "/var/lib/mesh/slaves/A/frameworks/F/executors/t/runs";

test("a sandbox lies where Mesos puts it", () => {
  expect(sandboxPath(WORK, IDS)).toBe(`${RUNS}/c-1`);
  expect(latestLinkPath(WORK, IDS)).toBe(`${RUNS}/latest`);
});

test("an id that would leave its directory is an error of the program", () => {
  for (const id of ["", ".", "..", "a/b", "a\0"]) {
    expect(() => sandboxPath(WORK, { ...IDS, frameworkId: id })).toThrow("cannot be part of a path");
  }
});

describe("resolveSandboxPath", () => {
  const good: [string, string, string][] = [
    [`${RUNS}/c-1`, `${RUNS}/c-1`, ""],
    [`${RUNS}/c-1/stdout`, `${RUNS}/c-1`, "stdout"],
    [`${RUNS}/latest/dir/file`, `${RUNS}/latest`, "dir/file"],
    [virtualSandboxPath("F", "t"), `${RUNS}/latest`, ""],
    [`${WORK}/containers/alone/stdout`, `${WORK}/containers/alone`, "stdout"],
    ["/containers/alone", `${WORK}/containers/alone`, ""],
    ["/containers/alone/containers/n/stdout", `${WORK}/containers/alone`, "containers/n/stdout"],
    [`${virtualSandboxPath("F", "t")}/stderr`, `${RUNS}/latest`, "stderr"],
  ];
  for (const [path, root, relative] of good) {
    test(`finds ${path}`, () => {
      expect(resolveSandboxPath(WORK, "A", path)).toEqual({ root, relative });
    });
  }

  const bad = [
    "",
    "/",
    "/etc/passwd",
    "/containers",
    `${WORK}/containers`,
    `${WORK}/containers/../meta`,
    "/containers/./x",
    WORK,
    `${WORK}/meta/000001.log`,
    `${WORK}/slaves/A/frameworks/F/executors/t`,
    `${WORK}/slaves/A/frameworks/F/executors/t/runs`,
    `${RUNS}/../../../secret`,
    `${RUNS}/c-1/../../x`,
    "/frameworks/F/executors/t/runs/c-1",
    "/frameworks/F/executors/../runs/latest",
    `${WORK}x/slaves/A/frameworks/F/executors/t/runs/c-1`,
  ];
  for (const path of bad) {
    test(`knows nothing of "${path}"`, () => {
      expect(resolveSandboxPath(WORK, "A", path)).toBeUndefined();
    });
  }

  test("an agent without an id has no virtual sandboxes", () => {
    expect(resolveSandboxPath(WORK, undefined, virtualSandboxPath("F", "t"))).toBeUndefined();
  });
});
