/**
 * Which devices a container may open, as a program for the kernel (cgroup-v2.rst,
 * "Device controller"; program type BPF_PROG_TYPE_CGROUP_DEVICE in
 * include/uapi/linux/bpf.h). The kernel runs it at each open and mknod of a
 * device; 1 allows, 0 is EPERM.
 */

/** One permission, or one refusal: of the rules that fit, the first one counts. Without a number any. */
export interface DeviceRule {
  /** Who wants any of this is refused. */
  readonly refuses?: true;
  readonly type: "block" | "char" | "any";
  readonly major?: number;
  readonly minor?: number;
  readonly read: boolean;
  readonly write: boolean;
  readonly mknod: boolean;
}

const char = (major: number, minor?: number): DeviceRule => ({
  type: "char",
  major,
  ...(minor === undefined ? {} : { minor }),
  read: true,
  write: true,
  mknod: true,
});
const mknodOnly = (type: "block" | "char"): DeviceRule => ({ type, read: false, write: false, mknod: true });

/** The fourteen of Mesos (isolators/cgroups, DEFAULT_WHITELIST_ENTRIES): making any node, opening these. */
export const DEFAULT_DEVICES: readonly DeviceRule[] = [
  mknodOnly("char"),
  mknodOnly("block"),
  char(5, 1), // /dev/console
  char(4, 0), // /dev/tty0
  char(4, 1), // /dev/tty1
  char(136), // /dev/pts/*
  char(5, 2), // /dev/ptmx
  char(10, 200), // /dev/net/tun
  char(1, 3), // /dev/null
  char(1, 5), // /dev/zero
  char(1, 7), // /dev/full
  char(5, 0), // /dev/tty
  char(1, 9), // /dev/urandom
  char(1, 8), // /dev/random
];

/** Everything: takes back what an earlier start of the agent forbade. */
export const ALL_DEVICES: readonly DeviceRule[] = [{ type: "any", read: true, write: true, mknod: true }];

/** Bits of include/uapi/linux/bpf.h: BPF_DEVCG_ACC_* and BPF_DEVCG_DEV_*. */
const ACCESS = { mknod: 1, read: 2, write: 4 } as const;
const TYPE = { block: 1, char: 2 } as const;
const ACCESS_SHIFT = 16;
const TYPE_MASK = 0xffff;

/** Opcodes (Documentation/bpf/instruction-set.rst): class, source and operation in one byte. */
const OP = {
  loadWord: 0x61, // LDX | MEM | W: dst = *(u32 *)(src + offset)
  move: 0xbf, // ALU64 | X | MOV
  moveNumber: 0xb7, // ALU64 | K | MOV
  and: 0x57, // ALU64 | K | AND
  shiftRight: 0x77, // ALU64 | K | RSH
  jumpEqual: 0x15, // JMP | K | JEQ: if dst == number, skip `offset`
  jumpUnequal: 0x55, // JMP | K | JNE: if dst != number, skip `offset`
  jumpUnequalTo: 0x5d, // JMP | X | JNE
  exit: 0x95,
} as const;

const JUMPS: readonly number[] = [OP.jumpEqual, OP.jumpUnequal, OP.jumpUnequalTo];

/** Registers: r0 is the answer, r1 comes with the context. */
const [ANSWER, CONTEXT, KIND, WANTED, MAJOR, MINOR, SCRATCH] = [0, 1, 2, 3, 4, 5, 6] as const;

interface Instruction {
  readonly op: number;
  readonly dst?: number;
  readonly src?: number;
  readonly offset?: number;
  readonly number?: number;
}

/** Bytes of an instruction of eBPF. */
export const INSTRUCTION_BYTES = 8;

/** The program in the byte order of the machines that mesh runs on, little endian. */
export function deviceProgram(rules: readonly DeviceRule[]): Uint8Array {
  const program: Instruction[] = [
    // struct bpf_cgroup_dev_ctx { u32 access_type, major, minor }
    { op: OP.loadWord, dst: KIND, src: CONTEXT, offset: 0 },
    { op: OP.move, dst: WANTED, src: KIND },
    { op: OP.and, dst: KIND, number: TYPE_MASK },
    { op: OP.shiftRight, dst: WANTED, number: ACCESS_SHIFT },
    { op: OP.loadWord, dst: MAJOR, src: CONTEXT, offset: 4 },
    { op: OP.loadWord, dst: MINOR, src: CONTEXT, offset: 8 },
    ...rules.flatMap(ruleInstructions),
    { op: OP.moveNumber, dst: ANSWER, number: 0 },
    { op: OP.exit },
  ];
  return encode(program);
}

/** Each condition that does not hold skips to the end of the rule. */
function ruleInstructions(rule: DeviceRule): Instruction[] {
  const conditions: Instruction[][] = [];
  const equal = (dst: number, number: number): Instruction[] => [{ op: OP.jumpUnequal, dst, number }];
  if (rule.type !== "any") conditions.push(equal(KIND, TYPE[rule.type]));
  const named =
    (rule.read ? ACCESS.read : 0) | (rule.write ? ACCESS.write : 0) | (rule.mknod ? ACCESS.mknod : 0);
  // What is wanted must be part of what is allowed, and may be no part of what is refused.
  conditions.push([
    { op: OP.move, dst: SCRATCH, src: WANTED },
    { op: OP.and, dst: SCRATCH, number: named },
    rule.refuses === true
      ? { op: OP.jumpEqual, dst: SCRATCH, number: 0 }
      : { op: OP.jumpUnequalTo, dst: SCRATCH, src: WANTED },
  ]);
  if (rule.major !== undefined) conditions.push(equal(MAJOR, rule.major));
  if (rule.minor !== undefined) conditions.push(equal(MINOR, rule.minor));
  const answer = { op: OP.moveNumber, dst: ANSWER, number: rule.refuses === true ? 0 : 1 };
  const body = [...conditions.flat(), answer, { op: OP.exit }];
  return body.map((instruction, at) =>
    JUMPS.includes(instruction.op) ? { ...instruction, offset: body.length - at - 1 } : instruction,
  );
}

function encode(program: readonly Instruction[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(program.length * INSTRUCTION_BYTES));
  program.forEach(({ op, dst = 0, src = 0, offset = 0, number = 0 }, at) => {
    const begin = at * INSTRUCTION_BYTES;
    view.setUint8(begin, op);
    view.setUint8(begin + 1, dst | (src << 4));
    view.setInt16(begin + 2, offset, true);
    view.setInt32(begin + 4, number, true);
  });
  return new Uint8Array(view.buffer);
}
