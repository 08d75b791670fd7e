import { describe, expect, test } from "bun:test";
import { DEFAULT_CGROUP_SETTINGS } from "../../src/isolation/cgroup-settings.ts";
import {
  ALL_DEVICES,
  DEFAULT_DEVICES,
  type DeviceRule,
  deviceProgram,
} from "../../src/isolation/device-program.ts";
import { deviceRules } from "../../src/isolation/device-steps.ts";
import { planLaunch } from "../../src/isolation/plan.ts";
import { FULL, SPEC } from "./plan.test.ts";

const MKNOD = 1;
const READ = 2;
const WRITE = 4;
const BLOCK = 1;
const CHAR = 2;

/** Executes the nine kinds of instructions that the programs are made of, as the kernel does. */
function decide(
  rules: readonly DeviceRule[],
  type: number,
  access: number,
  major: number,
  minor: number,
): number {
  const program = deviceProgram(rules);
  const view = new DataView(program.buffer);
  const context = [type | (access << 16), major, minor];
  const register = [Number.NaN, 0, 0, 0, 0, 0, 0];
  for (let at = 0; at < program.length / 8; at++) {
    const [op, registers] = [view.getUint8(at * 8), view.getUint8(at * 8 + 1)];
    const [offset, number] = [view.getInt16(at * 8 + 2, true), view.getInt32(at * 8 + 4, true)];
    const [dst, src] = [registers & 15, registers >> 4];
    const [target, source] = [register[dst] ?? 0, register[src] ?? 0];
    if (op === 0x61) register[dst] = context[offset / 4] ?? Number.NaN;
    else if (op === 0xbf) register[dst] = source;
    else if (op === 0xb7) register[dst] = number;
    else if (op === 0x57) register[dst] = target & number;
    else if (op === 0x77) register[dst] = target >>> number;
    else if (op === 0x15) at += target === number ? offset : 0;
    else if (op === 0x55) at += target === number ? 0 : offset;
    else if (op === 0x5d) at += target === source ? 0 : offset;
    else if (op === 0x95) return register[0] ?? Number.NaN;
    else throw new Error(`opcode ${op}`);
  }
  throw new Error("the program does not exit");
}

describe("the usual devices", () => {
  const may = (type: number, access: number, major: number, minor: number): boolean =>
    decide(DEFAULT_DEVICES, type, access, major, minor) === 1;
  test.each([
    ["/dev/null", 1, 3],
    ["/dev/urandom", 1, 9],
    ["/dev/pts/7", 136, 7],
    ["/dev/net/tun", 10, 200],
  ])("%s may be read and written", (_name, major, minor) => {
    expect(may(CHAR, READ | WRITE, major, minor)).toBe(true);
  });
  test.each([
    ["/dev/mem", CHAR, 1, 1],
    ["/dev/sda", BLOCK, 8, 0],
    ["a disk with the numbers of /dev/null", BLOCK, 1, 3],
    ["/dev/fuse", CHAR, 10, 229],
  ])("%s may not be opened, but made", (_name, type, major, minor) => {
    expect(may(type, READ, major, minor)).toBe(false);
    expect(may(type, WRITE, major, minor)).toBe(false);
    expect(may(type, MKNOD, major, minor)).toBe(true);
  });
});

test("a rule allows what it says and no more", () => {
  const rule = { type: "block", major: 8, minor: 1, read: true, write: false, mknod: false } as const;
  expect(decide([rule], BLOCK, READ, 8, 1)).toBe(1);
  for (const access of [WRITE, READ | WRITE, MKNOD]) expect(decide([rule], BLOCK, access, 8, 1)).toBe(0);
  expect(decide([rule], BLOCK, READ, 8, 2)).toBe(0);
  expect(decide([rule], BLOCK, READ, 9, 1)).toBe(0);
  expect(decide([rule], CHAR, READ, 8, 1)).toBe(0);
});

test("a container with a GPU may open it besides, and has a step for that", () => {
  const devices = [{ path: "/dev/nvidia1", major: 195, minor: 1 }];
  const spec = { ...SPEC, devices, resources: { ...SPEC.resources, gpus: 1 } };
  const plan = planLaunch(spec, FULL, undefined);
  const steps = plan.ok ? plan.value.steps : [];
  expect(steps.filter((step) => step.in === "agent").map((step) => step.do)).toEqual([
    "make-sandbox",
    "make-cgroup",
    "allow-devices",
    "spawn",
    "move-supervisor",
  ]);
  const [allow] = steps.flatMap((step) => (step.do === "allow-devices" ? [step] : []));
  expect(allow?.path).toBe("/cg/mesh/a/c1");
  const may = (major: number, minor: number) => decide(allow?.rules ?? [], CHAR, READ | WRITE, major, minor);
  expect([may(195, 1), may(195, 0), may(1, 3), may(1, 1)]).toEqual([1, 0, 1, 0]);
  // Inside another container: what holds for that one holds for it.
  const inside = planLaunch({ ...SPEC, devices }, FULL, undefined);
  expect(inside.ok && inside.value.steps.some((step) => step.do === "allow-devices")).toBe(false);
});

test("a GPU is for its holders, also where everything is for everybody", () => {
  const gpu = (minor: number) => ({ path: `/dev/nvidia${minor}`, major: 195, minor });
  const host = {
    cgroupSettings: { ...DEFAULT_CGROUP_SETTINGS, devices: ALL_DEVICES },
    gpus: { gpus: [gpu(0), gpu(1)], driver: [gpu(255)] },
  };
  const may = (held: number[], access: number, minor: number) =>
    decide(deviceRules(held.map(gpu), host), CHAR, access, 195, minor);
  for (const access of [READ, WRITE, READ | WRITE, READ | MKNOD]) {
    expect([may([], access, 0), may([0], access, 0), may([0], access, 1)]).toEqual([0, 1, 0]);
  }
  expect([may([], READ, 255), may([], READ, 2), may([], MKNOD, 0)]).toEqual([1, 1, 1]);
});

test("all, and none", () => {
  expect(decide(ALL_DEVICES, BLOCK, READ | WRITE | MKNOD, 259, 1)).toBe(1);
  expect(decide([], CHAR, READ, 1, 3)).toBe(0);
});
