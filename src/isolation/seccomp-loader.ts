/**
 * A program that loads one filter of system calls and becomes what its
 * arguments say: `loader /usr/bin/setpriv --reuid=…`. util-linux can load
 * filters from 2.40 on only, and JavaScript cannot run between fork and exec;
 * so the few instructions that it takes are written down here, as an ELF file
 * of some 200 bytes and the filter. It needs no library and no interpreter.
 */
import type { Processor } from "./seccomp-processor.ts";
import { FILTER_INSTRUCTION_BYTES } from "./seccomp-program.ts";

/** Where the file is mapped; what is addressed absolutely is below. */
const BASE = 0x400000;
const ELF_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
/** struct sock_fprog */
const HEAD_BYTES = 16;
const CODE_AT = ELF_HEADER_BYTES + PROGRAM_HEADER_BYTES;

const MESSAGE = "mesh: cannot load the filter of system calls, or cannot execute what comes after it\n";

type Machine = Processor["machine"];
type Code = (filterAddress: number, messageAddress: number, messageBytes: number) => number[];

function littleEndian(number: number): number[] {
  return [0, 8, 16, 24].map((shift) => (number >>> shift) & 0xff);
}

/** Numbers of calls: seccomp 317, execve 59, write 1, exit_group 231. */
const codeOfX64: Code = (filterAddress, messageAddress, messageBytes) => {
  const word = littleEndian;
  return [
    ...[0xb8, ...word(317)], //                     mov  eax, SYS_seccomp
    ...[0xbf, ...word(1)], //                       mov  edi, SECCOMP_SET_MODE_FILTER
    ...[0x31, 0xf6], //                             xor  esi, esi
    ...[0xba, ...word(filterAddress)], //           mov  edx, struct sock_fprog
    ...[0x0f, 0x05], //                             syscall
    ...[0x85, 0xc0], //                             test eax, eax
    ...[0x75, 0x18], //                             jnz  failed
    ...[0x48, 0x8b, 0x0c, 0x24], //                 mov  rcx, [rsp]              argc
    ...[0x48, 0x8d, 0x74, 0x24, 0x10], //           lea  rsi, [rsp + 16]         argv + 1
    ...[0x48, 0x8d, 0x54, 0xcc, 0x10], //           lea  rdx, [rsp + 8 rcx + 16] envp
    ...[0x48, 0x8b, 0x3e], //                       mov  rdi, [rsi]
    ...[0xb8, ...word(59)], //                      mov  eax, SYS_execve
    ...[0x0f, 0x05], //                             syscall
    ...[0xb8, ...word(1)], //               failed: mov  eax, SYS_write
    ...[0xbf, ...word(2)], //                       mov  edi, 2
    ...[0xbe, ...word(messageAddress)], //          mov  esi, message
    ...[0xba, ...word(messageBytes)], //            mov  edx, its length
    ...[0x0f, 0x05], //                             syscall
    ...[0xbf, ...word(125)], //                     mov  edi, 125
    ...[0xb8, ...word(231)], //                     mov  eax, SYS_exit_group
    ...[0x0f, 0x05], //                             syscall
  ];
};

/** Numbers of calls: seccomp 277, execve 221, write 64, exit_group 94. */
const codeOfArm64: Code = (filterAddress, messageAddress, messageBytes) => {
  const move = (register: number, number: number): number => (0xd2800000 | (number << 5) | register) >>> 0;
  const moveHigh = (register: number, number: number): number =>
    (0xf2a00000 | (number << 5) | register) >>> 0;
  const address = (register: number, at: number): number[] => [
    move(register, at & 0xffff),
    moveHigh(register, at >>> 16),
  ];
  const call = 0xd4000001;
  return [
    move(8, 277),
    move(0, 1), //                      SECCOMP_SET_MODE_FILTER
    move(1, 0),
    ...address(2, filterAddress), //    struct sock_fprog
    call,
    0xb5000100, //                      cbnz x0, failed
    0xf94003e9, //                      ldr  x9, [sp]              argc
    0x910043e1, //                      add  x1, sp, #16           argv + 1
    0x910043e2, //                      add  x2, sp, #16
    0x8b090c42, //                      add  x2, x2, x9, lsl #3    envp
    0xf9400020, //                      ldr  x0, [x1]
    move(8, 221),
    call,
    move(8, 64), //             failed:
    move(0, 2),
    ...address(1, messageAddress),
    move(2, messageBytes),
    call,
    move(0, 125),
    move(8, 94),
    call,
  ].flatMap(littleEndian);
};

const CODE: Readonly<Record<Machine, Code>> = { "x86-64": codeOfX64, arm64: codeOfArm64 };
/** EM_X86_64 and EM_AARCH64. */
const ELF_MACHINE: Readonly<Record<Machine, number>> = { "x86-64": 62, arm64: 183 };
const ELF_MACHINE_AT = 18;

/** Behind the code, its message and the head of the filter. */
function filterStart(machine: Machine): number {
  const message = new TextEncoder().encode(MESSAGE);
  return Math.ceil((CODE_AT + CODE[machine](0, 0, 0).length + message.length) / 8) * 8 + HEAD_BYTES;
}

/** @param filter classic BPF, see seccomp-program.ts */
export function seccompLoader(filter: Uint8Array, machine: Machine): Uint8Array {
  const message = new TextEncoder().encode(MESSAGE);
  const code = CODE[machine];
  const messageAt = CODE_AT + code(0, 0, 0).length;
  const filterAt = filterStart(machine);
  const headAt = filterAt - HEAD_BYTES;
  const file = new Uint8Array(filterAt + filter.length);
  const view = new DataView(file.buffer);
  writeHeaders(file, view, ELF_MACHINE[machine]);
  file.set(code(BASE + headAt, BASE + messageAt, message.length), CODE_AT);
  file.set(message, messageAt);
  // struct sock_fprog { u16 len; struct sock_filter *filter }
  view.setUint16(headAt, filter.length / FILTER_INSTRUCTION_BYTES, true);
  view.setBigUint64(headAt + 8, BigInt(BASE + filterAt), true);
  file.set(filter, filterAt);
  return file;
}

/** The filter in such a program. */
export function filterOf(file: Uint8Array): Uint8Array {
  return file.slice(filterStart(file[ELF_MACHINE_AT] === ELF_MACHINE.arm64 ? "arm64" : "x86-64"));
}

/** elf(5): ET_EXEC with one PT_LOAD of the whole file, readable and executable. */
function writeHeaders(file: Uint8Array, view: DataView, machine: number): void {
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(ELF_MACHINE_AT, machine, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(BASE + CODE_AT), true);
  view.setBigUint64(32, BigInt(ELF_HEADER_BYTES), true);
  view.setUint16(52, ELF_HEADER_BYTES, true);
  view.setUint16(54, PROGRAM_HEADER_BYTES, true);
  view.setUint16(56, 1, true);
  const at = ELF_HEADER_BYTES;
  view.setUint32(at, 1, true);
  view.setUint32(at + 4, 5, true);
  view.setBigUint64(at + 16, BigInt(BASE), true);
  view.setBigUint64(at + 24, BigInt(BASE), true);
  view.setBigUint64(at + 32, BigInt(file.length), true);
  view.setBigUint64(at + 40, BigInt(file.length), true);
  view.setBigUint64(at + 48, 4096n, true);
}
