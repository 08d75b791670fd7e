import { describe, expect, test } from "bun:test";
import { defaultSeccompProfile } from "../../src/isolation/seccomp-default.ts";
import { filterOf, seccompLoader } from "../../src/isolation/seccomp-loader.ts";
import { ARM64, processorOf, X64 } from "../../src/isolation/seccomp-processor.ts";
import { ALLOW, errno, parseSeccompProfile } from "../../src/isolation/seccomp-profile.ts";
import { FILTER_MAX_INSTRUCTIONS, seccompProgram } from "../../src/isolation/seccomp-program.ts";
import { X64_SYSCALLS } from "../../src/isolation/syscalls-x64.ts";

const X86_64 = 0xc000003e;
const EPERM = errno(1);
const ENOSYS = errno(38);

/** The kernel's side of it: classic BPF as Documentation/networking/filter.rst describes it. */
function decide(program: Uint8Array, number: number, args: readonly bigint[] = [], arch = X86_64): number {
  const view = new DataView(program.buffer);
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, number, true);
  data.setUint32(4, arch, true);
  args.forEach((each, at) => {
    data.setBigUint64(16 + at * 8, each, true);
  });
  let accumulator = 0;
  for (let at = 0; at < program.length / 8; at++) {
    const op = view.getUint16(at * 8, true);
    const [yes, no] = [view.getUint8(at * 8 + 2), view.getUint8(at * 8 + 3)];
    const k = view.getUint32(at * 8 + 4, true);
    const jump = (holds: boolean): void => {
      at += holds ? yes : no;
    };
    if (op === 0x20) accumulator = data.getUint32(k, true);
    else if (op === 0x54) accumulator = (accumulator & k) >>> 0;
    else if (op === 0x15) jump(accumulator === k);
    else if (op === 0x25) jump(accumulator > k);
    else if (op === 0x35) jump(accumulator >= k);
    else if (op === 0x05) at += k;
    else if (op === 0x06) return k;
    else throw new Error(`Instruction ${op} is not known`);
  }
  throw new Error("The program has no end");
}

const number = (name: string): number => X64_SYSCALLS.get(name) ?? -1;

describe("the default profile", () => {
  const program = seccompProgram(defaultSeccompProfile(X64), X64);
  const call = (name: string, ...args: bigint[]): number => decide(program, number(name), args);

  test("allows what programs use", () => {
    for (const name of [
      "read",
      "openat",
      "execve",
      "futex",
      "rt_sigreturn",
      "setuid",
      "capset",
      "prctl",
      "rseq",
      "statx",
    ]) {
      expect([name, call(name)]).toEqual([name, ALLOW]);
    }
  });

  test("forbids what changes the machine or reaches out of the container", () => {
    for (const name of [
      "mount",
      "setns",
      "unshare",
      "bpf",
      "keyctl",
      "init_module",
      "open_by_handle_at",
      "io_uring_setup",
    ]) {
      expect([name, call(name)]).toEqual([name, EPERM]);
    }
  });

  test("looks at arguments", () => {
    expect(call("clone", 0x3d0f00n)).toBe(ALLOW);
    for (const flag of [0x10000000n, 0x20000n, 0x7e020000n]) expect(call("clone", 0x11n | flag)).toBe(EPERM);
    expect(call("clone3")).toBe(ENOSYS);
    expect(call("personality", 0xffffffffn)).toBe(ALLOW);
    expect(call("personality", 0x40000n)).toBe(EPERM);
    expect(call("personality", 1n << 32n)).toBe(EPERM);
    expect(call("socket", 1n)).toBe(ALLOW);
    expect(call("socket", 40n)).toBe(EPERM);
  });

  test("knows neither newer calls nor those of other tables", () => {
    expect(decide(program, 1_000)).toBe(ENOSYS);
    expect(decide(program, 0x40000000)).toBe(ENOSYS);
    expect(decide(program, 0, [], 0x40000003)).toBe(ENOSYS);
  });
});

describe("a profile in Docker's form", () => {
  const context = { capabilities: [21], kernel: "6.1.0-56-cloud-amd64", processor: X64 };
  function programOf(...syscalls: object[]): Uint8Array {
    const parsed = parseSeccompProfile(
      JSON.stringify({ defaultAction: "SCMP_ACT_ERRNO", syscalls }),
      context,
    );
    if (!parsed.ok) throw new Error(parsed.error);
    return seccompProgram(parsed.value, X64);
  }
  const allow = (names: string[], more: object = {}) => ({ names, action: "SCMP_ACT_ALLOW", ...more });

  test("allows by name, old and new form; what this processor lacks is passed over", () => {
    const program = programOf(allow(["read", "write", "no_such_call"]), {
      name: "open",
      action: "SCMP_ACT_ALLOW",
    });
    for (const name of ["read", "write", "open"]) expect(decide(program, number(name))).toBe(ALLOW);
    expect(decide(program, number("close"))).toBe(EPERM);
  });

  test("depends on capabilities, the kernel and the processor", () => {
    const program = programOf(
      allow(["mount"], { includes: { caps: ["CAP_SYS_ADMIN"] } }),
      allow(["reboot"], { includes: { caps: ["CAP_SYS_BOOT"] } }),
      allow(["ptrace"], { includes: { minKernel: "4.8" } }),
      allow(["bpf"], { includes: { minKernel: "6.12" } }),
      allow(["iopl"], { includes: { arches: ["amd64", "x32"] } }),
      allow(["ioperm"], { includes: { arches: ["s390x"] } }),
      allow(["clone"], { excludes: { caps: ["CAP_SYS_ADMIN"] } }),
      allow(["setns"], { excludes: { arches: ["s390"] } }),
    );
    const allowed = ["mount", "ptrace", "iopl", "setns"];
    for (const name of [...allowed, "reboot", "bpf", "ioperm", "clone"]) {
      expect([name, decide(program, number(name))]).toEqual([name, allowed.includes(name) ? ALLOW : EPERM]);
    }
  });

  const LARGE = 5_000_000_000;
  test.each<[string, number, number, number[], number[]]>([
    ["EQ", 7, 0, [7], [6, 8, LARGE, 7 + 2 ** 32]],
    ["NE", 7, 0, [6, 8, 7 + 2 ** 32], [7]],
    ["GT", LARGE, 0, [LARGE + 1, 2 ** 40], [LARGE, LARGE - 1, 7, 2 ** 32]],
    ["GE", LARGE, 0, [LARGE, LARGE + 1, 2 ** 40], [LARGE - 1, 2 ** 32 - 1]],
    ["LT", LARGE, 0, [LARGE - 1, 0, 2 ** 32], [LARGE, 2 ** 40]],
    ["LE", LARGE, 0, [LARGE, LARGE - 1, 0], [LARGE + 1, 2 ** 40]],
    ["MASKED_EQ", 0xf0, 0x20, [0x20, 0x2f, 2 ** 32 + 0x20], [0x30, 0]],
  ])("compares 64 bits by %s", (op, value, valueTwo, yes, no) => {
    const program = programOf(
      allow(["socket"], { args: [{ index: 1, value, valueTwo, op: `SCMP_CMP_${op}` }] }),
    );
    const answers = (values: number[]) =>
      values.map((each) => decide(program, number("socket"), [0n, BigInt(each)]));
    expect(answers(yes)).toEqual(yes.map(() => ALLOW));
    expect(answers(no)).toEqual(no.map(() => EPERM));
  });

  test("several conditions hold together, several rules for themselves", () => {
    const equal = (index: number, value: number) => ({ index, value, valueTwo: 0, op: "SCMP_CMP_EQ" });
    const program = programOf(allow(["socket"], { args: [equal(0, 1), equal(1, 2)] }), {
      names: ["socket"],
      action: "SCMP_ACT_ERRNO",
      errnoRet: 97,
      args: [equal(0, 3)],
    });
    expect(decide(program, number("socket"), [1n, 2n])).toBe(ALLOW);
    expect(decide(program, number("socket"), [1n, 1n])).toBe(EPERM);
    expect(decide(program, number("socket"), [3n, 2n])).toBe(errno(97));
  });

  test.each([
    ["{", "is not JSON"],
    ["[]", "is not a JSON object"],
    ["{}", "defaultAction: the action undefined"],
    ['{"defaultAction": "SCMP_ACT_TRACE"}', 'the action "SCMP_ACT_TRACE" is not known here'],
    [
      '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"action": "SCMP_ACT_KILL"}]}',
      "syscalls[0]: it names no",
    ],
    [
      '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_KILL", "args": [{"index": 6}]}]}',
      "is not understood",
    ],
  ])("%s is refused", (text, message) => {
    const parsed = parseSeccompProfile(text, context);
    expect(parsed.ok ? "" : parsed.error).toContain(message);
  });

  test("fits the kernel's bound whatever is allowed", () => {
    const program = programOf(...[...X64_SYSCALLS.keys()].map((name) => allow([name])));
    expect(program.length / 8).toBeLessThan(FILTER_MAX_INSTRUCTIONS);
  });
});

describe("on arm64", () => {
  const AARCH64 = 0xc00000b7;

  test("the calls have other numbers, from 424 on the same", () => {
    const some = ["io_setup", "write", "exit_group", "socket", "clone", "execve", "seccomp", "rseq", "mseal"];
    expect(some.map((name) => ARM64.calls.get(name))).toEqual([0, 64, 94, 198, 220, 221, 277, 293, 462]);
    expect(["open", "fork", "iopl"].map((name) => ARM64.calls.get(name))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test("the default profile says the same by name, and knows no other table", () => {
    const program = seccompProgram(defaultSeccompProfile(ARM64), ARM64);
    const call = (name: string, ...args: bigint[]) =>
      decide(program, ARM64.calls.get(name) ?? -1, args, AARCH64);
    for (const name of ["read", "openat", "execve", "futex", "statx"])
      expect([name, call(name)]).toEqual([name, ALLOW]);
    for (const name of ["mount", "setns", "bpf", "keyctl", "open_by_handle_at", "kexec_file_load"])
      expect([name, call(name)]).toEqual([name, EPERM]);
    expect([call("clone", 0x11n), call("clone", 0x10000000n), call("clone3")]).toEqual([
      ALLOW,
      EPERM,
      ENOSYS,
    ]);
    expect([call("socket", 1n), call("socket", 40n)]).toEqual([ALLOW, EPERM]);
    expect(decide(program, ARM64.calls.get("read") ?? -1, [], X86_64)).toBe(ENOSYS);
    expect(decide(program, 300, [], AARCH64)).toBe(ENOSYS);
  });

  test("profiles are read for it", () => {
    const allow = { action: "SCMP_ACT_ALLOW" };
    const text = JSON.stringify({
      defaultAction: "SCMP_ACT_ERRNO",
      syscalls: [
        { ...allow, names: ["openat", "open"] },
        { ...allow, names: ["close"], includes: { arches: ["arm64"] } },
        { ...allow, names: ["read"], includes: { arches: ["amd64"] } },
      ],
    });
    const parsed = parseSeccompProfile(text, { capabilities: [], kernel: "6.1", processor: ARM64 });
    expect(parsed.ok && parsed.value.rules.map(({ number }) => number)).toEqual([56, 57]);
  });

  test("the loader is the program that an assembler makes of its comments", () => {
    const filter = new Uint8Array(8).fill(7);
    const file = seccompLoader(filter, "arm64");
    const view = new DataView(file.buffer);
    // EM_AARCH64, and where it begins.
    expect([view.getUint16(18, true), view.getBigUint64(24, true)]).toEqual([183, 0x400078n]);
    const words = Array.from({ length: 23 }, (_, at) => view.getUint32(0x78 + at * 4, true).toString(16));
    expect(words.join(" ")).toBe(
      "d28022a8 d2800020 d2800001 d2802502 f2a00802 d4000001 b5000100 f94003e9 910043e1 910043e2 8b090c42 " +
        "f9400020 d2801ba8 d4000001 d2800808 d2800040 d2801a81 f2a00801 d2800a82 d4000001 d2800fa0 d2800bc8 d4000001",
    );
    expect(filterOf(file)).toEqual(filter);
    expect(filterOf(seccompLoader(filter, "x86-64"))).toEqual(filter);
  });
});

test("for other processors no filters are made", () => {
  expect([processorOf("x64"), processorOf("arm64"), processorOf("riscv64")]).toEqual([X64, ARM64, undefined]);
});
