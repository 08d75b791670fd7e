import { describe, expect, test } from "bun:test";
import { cgroup2Mounts } from "../../../src/isolation/linux/cgroup.ts";
import { exitFromStatus } from "../../../src/isolation/linux/exit-status.ts";
import { descendants, parsePsRow, parseStat } from "../../../src/isolation/linux/process-table.ts";
import { trackedFromLog } from "../../../src/isolation/linux/tracked.ts";
import { ownerFromPasswd } from "../../../src/isolation/linux/user.ts";

const STAT = "42 (a (b) c) S 7 40 39 0 -1 4194560 121 0 0 0 0 0 0 0 20 0 1 0 186081 2654208 395";

describe("/proc/<pid>/stat", () => {
  test("a name with parentheses and spaces", () => {
    expect(parseStat(STAT)).toEqual({
      pid: 42,
      parent: 7,
      group: 40,
      session: 39,
      startTime: "186081",
      zombie: false,
    });
  });
  test("a zombie", () => expect(parseStat(STAT.replace(") S", ") Z"))?.zombie).toBe(true));
  test.each(["", "42", "42 (x", "42 (x) S 1"])("%j is none", (line) =>
    expect(parseStat(line)).toBeUndefined(),
  );
});

test("a row of ps(1) on macOS", () => {
  expect(parsePsRow("  812   1   812 Ss   Sun Nov 22 11:00:05  2026")).toEqual({
    pid: 812,
    parent: 1,
    group: 812,
    session: 812,
    startTime: "Sun Nov 22 11:00:05 2026",
    zombie: false,
  });
  expect(parsePsRow("PID PPID")).toBeUndefined();
});

test("descendants, and nobody else", () => {
  const row = (pid: number, parent: number) => ({
    pid,
    parent,
    group: 0,
    session: 0,
    startTime: "",
    zombie: false,
  });
  const found = descendants([row(2, 1), row(3, 2), row(4, 3), row(5, 1), row(6, 3)], 2);
  expect(found.map((each) => each.pid).sort()).toEqual([3, 4, 6]);
});

test("cgroup2 mounts among others", () => {
  const text = [
    "30 23 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
    "31 23 0:27 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw",
    "32 23 0:27 / /odd\\040name rw - cgroup2 none rw",
  ].join("\n");
  expect(cgroup2Mounts(text)).toEqual(["/sys/fs/cgroup/unified", "/odd name"]);
});

test.each<[number, string, object]>([
  [0, "", { kind: "exited", code: 0 }],
  [128, "", { kind: "exited", code: 128 }],
  [137, "", { kind: "exited", code: 137 }],
  [137, "Killed\n", { kind: "signaled", signal: 9 }],
  [139, "Segmentation fault (core dumped)", { kind: "signaled", signal: 11 }],
  [143, "", { kind: "signaled", signal: 15 }],
  [130, "", { kind: "signaled", signal: 2 }],
  [255, "x", { kind: "exited", code: 255 }],
])("status %d with messages %j", (status, messages, exit) => {
  expect(exitFromStatus(status, messages)).toEqual(exit as never);
});

test("users of passwd(5)", () => {
  const passwd = "root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1001::/:/bin/sh\n";
  expect(ownerFromPasswd(passwd, "web")).toEqual({ uid: 1000, gid: 1001 });
  expect(ownerFromPasswd(passwd, "we")).toBeUndefined();
});

describe("the record of a start", () => {
  const record = { version: 1, containerId: "c", bootId: "b", namespaces: [], ownSession: true } as const;
  const started = { record, started: true, messages: "" } as const;
  test("the session is the task's", () => {
    const task = STAT.replace(/^42/, "43").replace("186081", "186090");
    expect(trackedFromLog({ ...started, supervisor: STAT, task }, "/r")).toMatchObject({
      supervisor: { pid: 42, startTime: "186081" },
      session: { id: 43, startTime: "186090" },
    });
  });
  test("with a pid namespace there is no session to follow", () => {
    const namespaced = { ...record, namespaces: ["pid"] } as const;
    const tracked = trackedFromLog({ ...started, record: namespaced, supervisor: STAT }, "/r");
    expect(tracked?.supervisor).toEqual({ pid: 42, startTime: "186081" });
    expect(tracked?.session).toBeUndefined();
  });
  test("without /proc: pid and date", () => {
    const supervisor = "812 Sun Nov 22 11:00:05  2026";
    expect(trackedFromLog({ ...started, supervisor, task: "" }, "/r")).toMatchObject({
      supervisor: { pid: 812, startTime: "Sun Nov 22 11:00:05 2026" },
    });
  });
  test("no supervisor noted", () => expect(trackedFromLog(started, "/r")).toBeUndefined());
});
