import { expect, test } from "bun:test";
import { DEFAULT_POLICY } from "../../src/agent/container-policy.ts";
import { CONTAINER_FLAGS, readContainerPolicy } from "../../src/main/container-flags.ts";
import { Flags } from "../../src/main/flags.ts";

function read(given: Record<string, string>, environment: Record<string, string> = {}) {
  const values = new Map(Object.entries(given).map(([name, value]) => [name, [value]]));
  return readContainerPolicy(new Flags(CONTAINER_FLAGS, values, environment));
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
