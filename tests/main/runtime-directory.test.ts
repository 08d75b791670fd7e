import { afterEach, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../src/base/log.ts";
import { agentName } from "../../src/isolation/linux/probe.ts";
import { chooseRuntimeDirectory, removeUnusedRuntimeDirectory } from "../../src/main/runtime-directory.ts";
import { ownerFile, ownRuntimeDirectory } from "../../src/main/runtime-owner.ts";

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

test("what an agent left that cannot come back is cleared at another's start", async () => {
  const parent = workDirectory();
  const ended = Bun.spawn(["true"]);
  await ended.exited;
  const supervisor = Bun.spawn(["sleep", "100"]);
  const left = (name: string, owner: object): string => {
    const directory = join(parent, name);
    mkdirSync(join(directory, "containers"), { recursive: true });
    const whole = { device: statSync(tmpdir()).dev, pid: ended.pid, startTime: "1", ...owner };
    writeFileSync(ownerFile(directory), JSON.stringify(whole));
    return name;
  };
  const line = (pid: number): string => readFileSync(`/proc/${pid}/stat`, "utf8").trimEnd();
  const record = (name: string, lines: readonly string[]): void => {
    const base = { version: 1, containerId: "c", bootId: "b", namespaces: ["pid"], ownSession: true };
    writeFileSync(join(parent, name, "containers", "c"), [JSON.stringify(base), ...lines, ""].join("\n"));
  };
  const workDir = join(workDirectory(), "deleted");
  const startTime = line(process.pid).split(") ")[1]?.split(" ")[19];
  const kept = [
    left("recoverable", { workDir: workDirectory() }),
    left("disk-away", { workDir, device: -1 }),
    left("living", { workDir, pid: process.pid, startTime }),
    left("task-lives", { workDir }),
  ];
  record("task-lives", [`mesh: supervisor ${line(supervisor.pid)}`, "mesh: started"]);
  left("gone", { workDir });
  record("gone", [
    `mesh: supervisor ${line(supervisor.pid).replace(/^\d+/, `${ended.pid}`)}`,
    "mesh: started",
  ]);
  mkdirSync(join(parent, "of-an-older-version"));
  const own = join(parent, "own");
  const cgroups = workDirectory();
  mkdirSync(join(cgroups, "own"));
  for (const name of ["gone", "living"])
    mkdirSync(join(cgroups, agentName(join(parent, name)), "supervisors"), { recursive: true });
  mkdirSync(join(own, "containers"), { recursive: true });
  const ownWork = workDirectory();
  try {
    ownRuntimeDirectory(own, ownWork, join(cgroups, "own"), silentLog);
    expect(readdirSync(cgroups).sort()).toEqual(["own", agentName(join(parent, "living"))].sort());
    expect(readdirSync(parent).sort()).toEqual(["of-an-older-version", "own", ...kept].sort());
    const named = JSON.parse(readFileSync(ownerFile(own), "utf8"));
    expect(named).toMatchObject({ workDir: ownWork, pid: process.pid, startTime });
    removeUnusedRuntimeDirectory(own);
    expect(existsSync(own)).toBe(false);
  } finally {
    supervisor.kill("SIGKILL");
    await supervisor.exited;
  }
});
