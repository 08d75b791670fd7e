/**
 * From a profile to the program that the kernel runs at each system call
 * (Documentation/userspace-api/seccomp_filter.rst): classic BPF on struct
 * seccomp_data { int nr; u32 arch; u64 ip; u64 args[6] }, little endian.
 * Calls of other processors' tables (32 bit, x32) do not exist for it.
 */
import { assert } from "../base/assert.ts";
import type { Processor } from "./seccomp-processor.ts";
import {
  type ArgumentRule,
  ENOSYS,
  errno,
  type SeccompProfile,
  type SyscallRule,
} from "./seccomp-profile.ts";

/** BPF_MAXINSNS of include/uapi/linux/bpf_common.h. */
export const FILTER_MAX_INSTRUCTIONS = 4_096;
export const FILTER_INSTRUCTION_BYTES = 8;

const [NUMBER_AT, ARCH_AT, ARGUMENTS_AT] = [0, 4, 16] as const;

/** Opcodes of Documentation/networking/filter.rst. */
const OP = {
  load: 0x20,
  and: 0x54,
  equal: 0x15,
  above: 0x25,
  atLeast: 0x35,
  jump: 0x05,
  answer: 0x06,
} as const;

/** Jumps name the number of instructions to skip. */
interface Instruction {
  readonly op: number;
  readonly k: number;
  readonly yes?: number;
  readonly no?: number;
}

type Target = "pass" | "fail" | undefined;
interface Draft {
  readonly op: number;
  readonly k: number;
  readonly yes?: Target;
  readonly no?: Target;
}

export function seccompProgram(profile: SeccompProfile, processor: Processor): Uint8Array {
  const answer = (k: number): Instruction => ({ op: OP.answer, k });
  const program: Instruction[] = [
    { op: OP.load, k: ARCH_AT },
    { op: OP.equal, k: processor.auditArch, yes: 1, no: 0 },
    answer(errno(ENOSYS)),
    { op: OP.load, k: NUMBER_AT },
    { op: OP.atLeast, k: processor.foreignFrom, yes: 0, no: 1 },
    answer(errno(ENOSYS)),
  ];
  for (const { first, last, action } of ranges(profile)) {
    if (first === last) program.push({ op: OP.equal, k: first, yes: 0, no: 1 }, answer(action));
    else
      program.push(
        { op: OP.atLeast, k: first, yes: 0, no: 2 },
        { op: OP.above, k: last, yes: 1, no: 0 },
        answer(action),
      );
  }
  for (const rules of conditional(profile)) {
    const body = rules.flatMap((rule) => [...ruleInstructions(rule), answer(rule.action)]);
    // A jump reaches further than a condition can.
    program.push(
      { op: OP.equal, k: rules[0]?.number ?? 0, yes: 1, no: 0 },
      { op: OP.jump, k: body.length + 1 },
    );
    program.push(...body, answer(profile.otherwise));
  }
  program.push(answer(profile.otherwise));
  assert(program.length <= FILTER_MAX_INSTRUCTIONS, `A filter of ${program.length} instructions is too long`);
  return encode(program);
}

interface Range {
  readonly first: number;
  readonly last: number;
  readonly action: number;
}

/** Calls whose arguments do not matter, neighbours with the same answer together. */
function ranges({ rules, otherwise }: SeccompProfile): readonly Range[] {
  const answers = new Map<number, number>();
  for (const { number, conditions, action } of rules) {
    if (conditions.length === 0 && !answers.has(number)) answers.set(number, action);
  }
  const found: Range[] = [];
  for (const [number, action] of [...answers].sort(([a], [b]) => a - b)) {
    if (action === otherwise) continue;
    const before = found.at(-1);
    if (before !== undefined && before.last === number - 1 && before.action === action) {
      found[found.length - 1] = { ...before, last: number };
    } else found.push({ first: number, last: number, action });
  }
  return found;
}

/** Rules with conditions, by call; one without makes the others of its call idle. */
function conditional({ rules }: SeccompProfile): readonly (readonly SyscallRule[])[] {
  const plain = new Set(
    rules.filter(({ conditions }) => conditions.length === 0).map(({ number }) => number),
  );
  const calls = new Map<number, SyscallRule[]>();
  for (const rule of rules) {
    if (plain.has(rule.number)) continue;
    const known = calls.get(rule.number);
    if (known === undefined) calls.set(rule.number, [rule]);
    else known.push(rule);
  }
  return [...calls.values()];
}

/** Falls through to the rule's answer, or skips it: each condition compares the halves of 64 bits. */
function ruleInstructions({ conditions }: SyscallRule): Instruction[] {
  const parts = conditions.map(conditionDraft);
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  const program: Instruction[] = [];
  for (const part of parts) {
    const end = program.length + part.length;
    for (const { op, k, yes, no } of part) {
      const at = program.length;
      const skip = (target: Target): number =>
        target === undefined ? 0 : target === "pass" ? end - at - 1 : total - at;
      program.push({ op, k, yes: skip(yes), no: skip(no) });
    }
  }
  return program;
}

function conditionDraft({ index, comparison, value, other }: ArgumentRule): Draft[] {
  const at = ARGUMENTS_AT + index * 8;
  const low = (number: bigint): number => Number(number & 0xffffffffn);
  const high = (number: bigint): number => Number(number >> 32n);
  const both = (first: readonly Draft[], second: readonly Draft[]): Draft[] => [
    { op: OP.load, k: at + 4 },
    ...first,
    { op: OP.load, k: at },
    ...second,
  ];
  const [h, l] = [high(value), low(value)];
  switch (comparison) {
    case "EQ":
      return both([{ op: OP.equal, k: h, no: "fail" }], [{ op: OP.equal, k: l, no: "fail" }]);
    case "NE":
      return both([{ op: OP.equal, k: h, no: "pass" }], [{ op: OP.equal, k: l, yes: "fail" }]);
    case "GT":
    case "GE": {
      const op = comparison === "GT" ? OP.above : OP.atLeast;
      return both(
        [
          { op: OP.above, k: h, yes: "pass" },
          { op: OP.equal, k: h, no: "fail" },
        ],
        [{ op, k: l, no: "fail" }],
      );
    }
    case "LT":
    case "LE": {
      const op = comparison === "LT" ? OP.atLeast : OP.above;
      return both(
        [
          { op: OP.above, k: h, yes: "fail" },
          { op: OP.equal, k: h, no: "pass" },
        ],
        [{ op, k: l, yes: "fail" }],
      );
    }
    case "MASKED_EQ":
      return both(
        [
          { op: OP.and, k: h },
          { op: OP.equal, k: high(other), no: "fail" },
        ],
        [
          { op: OP.and, k: l },
          { op: OP.equal, k: low(other), no: "fail" },
        ],
      );
  }
}

/** struct sock_filter { u16 code; u8 jt, jf; u32 k } */
function encode(program: readonly Instruction[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(program.length * FILTER_INSTRUCTION_BYTES));
  program.forEach(({ op, k, yes = 0, no = 0 }, at) => {
    assert(yes < 256 && no < 256, "A condition skips less than 256 instructions");
    const begin = at * FILTER_INSTRUCTION_BYTES;
    view.setUint16(begin, op, true);
    view.setUint8(begin + 2, yes);
    view.setUint8(begin + 3, no);
    view.setUint32(begin + 4, k >>> 0, true);
  });
  return new Uint8Array(view.buffer);
}
