import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_POLICY } from "../../src/agent/container-policy.ts";
import {
  CONTAINER_FLAGS,
  checkTmp,
  readConfinement,
  readContainerPolicy,
} from "../../src/main/container-flags.ts";
import { Flags } from "../../src/main/flags.ts";

function read(given: Record<string, string>, environment: Record<string, string> = {}) {
  const values = new Map(Object.entries(given).map(([name, value]) => [name, [value]]));
  return readContainerPolicy(new Flags(CONTAINER_FLAGS, values, environment));
}

function flagsOf(given: Record<string, string>): Flags {
  return new Flags(
    CONTAINER_FLAGS,
    new Map(Object.entries(given).map(([name, value]) => [name, [value]])),
    {},
  );
}

test("without flags the defaults hold", () => expect(read({})).toEqual(DEFAULT_POLICY));

test("all of them", () => {
  const given = {
    "effective-capabilities": '{"capabilities": ["KILL"]}',
    "bounding-capabilities": '{"capabilities": ["NET_BIND_SERVICE", "CHOWN", "KILL"]}',
    "forbid-new-privileges": "true",
    "default-container-shm-size": "64MB",
    "disallow-sharing-agent-pid-namespace": "true",
    "disallow-sharing-agent-ipc-namespace": "true",
    "host-path-volume-force-creation": "/srv:/opt",
  };
  expect(read(given)).toEqual({
    effective: [5],
    bounding: [0, 5, 10],
    noNewPrivileges: true,
    unconfined: true,
    sharePid: false,
    shareIpc: false,
    shmBytes: 64 * 1024 * 1024,
    privateShm: false,
    privateTmp: false,
    hostPathCreation: ["/srv", "/opt"],
  });
});

test("an empty list is no capability, and Mesos' variables count", () => {
  expect(read({}, { MESOS_EFFECTIVE_CAPABILITIES: "{}" }).effective).toEqual([]);
});

test.each([
  ["effective-capabilities", "{"],
  ["effective-capabilities", '{"capabilities": ["FLY"]}'],
  ["default-container-shm-size", "much"],
  ["host-path-volume-force-creation", "srv"],
])("--%s %s is refused", (name, value) => expect(() => read({ [name]: value })).toThrow(`--${name}`));

test("effective ones lie within the bound", () => {
  const given = { "effective-capabilities": '{"capabilities": ["KILL"]}', "bounding-capabilities": "{}" };
  expect(() => read(given)).toThrow("some of --bounding-capabilities");
});

test("--hardened is all of them, and each may be given beside it", () => {
  const policy = read({ hardened: "true" });
  expect(policy).toEqual({
    bounding: [0, 1, 3, 4, 5, 6, 7, 10, 18, 29],
    seccompProfile: "default",
    noNewPrivileges: true,
    unconfined: false,
    sharePid: false,
    shareIpc: false,
    privateShm: false,
    privateTmp: true,
    hostPathCreation: [],
  });
  expect(read({ hardened: "true", "bounding-capabilities": "{}" }).bounding).toEqual([]);
  expect(readConfinement(flagsOf({ hardened: "true" }))).toEqual({
    privateFileSystems: true,
    seccompProfiles: new Map(),
    bounding: [0, 1, 3, 4, 5, 6, 7, 10, 18, 29],
    userRange: { first: 2_000_000_000, count: 65_536 },
    devices: [],
  });
  expect(readConfinement(flagsOf({ hardened: "true", "userns-range": "5000:10" })).userRange).toEqual({
    first: 5_000,
    count: 10,
  });
  expect(readConfinement(flagsOf({}))).toEqual({
    privateFileSystems: false,
    seccompProfiles: new Map(),
    devices: [],
  });
});

test.each([
  ["userns-range", "0:10"],
  ["userns-range", "100000"],
  ["userns-range", "4294967290:100"],
  ["seccomp-profile-name", "none-such"],
  ["seccomp-config-dir", "/no/such/directory"],
])("--%s %s is refused, too", (name, value) => {
  expect(() => readConfinement(flagsOf({ [name]: value }))).toThrow(`--${name}`);
});

test("profiles are files of a directory, by their names", () => {
  const directory = mkdtempSync(join(tmpdir(), "mesh-profiles-"));
  writeFileSync(join(directory, "mine.json"), "{}");
  const given = { "seccomp-config-dir": directory, "seccomp-profile-name": "mine.json" };
  expect(readConfinement(flagsOf(given)).seccompProfiles).toEqual(new Map([["mine.json", "{}"]]));
  expect(readContainerPolicy(flagsOf(given)).seccompProfile).toBe("mine.json");
  rmSync(directory, { recursive: true });
});

test("a private /tmp would hide sandboxes below it", () => {
  expect(() => checkTmp(tmpdir())).toThrow("--work-dir lies below it");
  expect(() => checkTmp("/usr")).not.toThrow();
});
