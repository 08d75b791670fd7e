/** The system call bpf(2), for the one program that mesh gives to the kernel. */
import { dlopen, FFIType, ptr, read } from "bun:ffi";
import { closeSync, constants, openSync } from "node:fs";
import { fail, ok, type Result } from "../../base/result.ts";
import { INSTRUCTION_BYTES } from "../device-program.ts";

/** Of include/uapi/linux/bpf.h. */
const BPF_PROG_LOAD = 5;
const BPF_PROG_ATTACH = 8;
const BPF_PROG_DETACH = 9;
const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
const BPF_CGROUP_DEVICE = 6;
/** A program of a cgroup below is asked instead of this one. */
const BPF_F_ALLOW_OVERRIDE = 1;
/** Larger than union bpf_attr of the kernels that know this program type; the rest must be 0. */
const ATTRIBUTE_BYTES = 128;
/** Number of bpf(2) by processor (arch/…/syscalls). */
const SYSCALL: Partial<Record<string, number>> = { x64: 321, arm64: 280 };
const LIBRARIES = ["libc.so.6", `libc.musl-${process.arch === "x64" ? "x86_64" : "aarch64"}.so.1`];
/** The kernel asks for one; programs of this type use nothing that needs the GPL. */
const LICENSE = new TextEncoder().encode("MIT\0");

/**
 * Lets the program decide on devices for the cgroup and all below it, in place
 * of one from before. Needs CAP_BPF or CAP_SYS_ADMIN, and cgroup v2 in any form.
 * @param yields to programs of cgroups below, which cannot have their own otherwise
 */
export function attachDeviceProgram(cgroup: string, program: Uint8Array, yields = false): Result<void> {
  let directory: number | undefined;
  let loaded: number | undefined;
  try {
    const call = openCall();
    directory = openSync(cgroup, constants.O_RDONLY | constants.O_DIRECTORY);
    loaded = call(BPF_PROG_LOAD, loadAttributes(program));
    attach(call, directory, loaded, yields ? BPF_F_ALLOW_OVERRIDE : 0);
    return ok(undefined);
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  } finally {
    // The cgroup holds the program from here on.
    if (loaded !== undefined) closeSync(loaded);
    if (directory !== undefined) closeSync(directory);
  }
}

type Call = (command: number, attributes: DataView) => number;

/** The kernel lets none replace one that yields otherwise (kernel/bpf/cgroup.c): the old one goes first. */
function attach(call: Call, cgroup: number, program: number, flags: number): void {
  try {
    call(BPF_PROG_ATTACH, attachAttributes(cgroup, program, flags));
  } catch (error) {
    try {
      call(BPF_PROG_DETACH, attachAttributes(cgroup, 0, 0));
    } catch {
      throw error;
    }
    call(BPF_PROG_ATTACH, attachAttributes(cgroup, program, flags));
  }
}

/** Calls the kernel; throws with the error's number. */
function openCall(): Call {
  const number = SYSCALL[process.arch];
  if (number === undefined) throw new Error(`bpf(2) is not known on ${process.arch}`);
  const { symbols } = openLibrary();
  return (command, attributes) => {
    const bytes = new Uint8Array(attributes.buffer);
    const result = Number(symbols.syscall(number, command, ptr(bytes), bytes.length));
    if (result >= 0) return result;
    const where = symbols.__errno_location();
    const name = command === BPF_PROG_LOAD ? "load" : command === BPF_PROG_ATTACH ? "attach" : "detach";
    throw new Error(
      `the kernel refuses to ${name} the program: errno ${where === null ? "?" : read.i32(where)}`,
    );
  };
}

function openLibrary() {
  let problem: unknown;
  for (const library of LIBRARIES) {
    try {
      return dlopen(library, {
        syscall: { args: [FFIType.i64, FFIType.i64, FFIType.ptr, FFIType.i64], returns: FFIType.i64 },
        __errno_location: { args: [], returns: FFIType.ptr },
      });
    } catch (error) {
      problem = error;
    }
  }
  throw problem;
}

/** prog_type, insn_cnt, insns, license. */
function loadAttributes(program: Uint8Array): DataView {
  const view = new DataView(new ArrayBuffer(ATTRIBUTE_BYTES));
  view.setUint32(0, BPF_PROG_TYPE_CGROUP_DEVICE, true);
  view.setUint32(4, program.length / INSTRUCTION_BYTES, true);
  view.setBigUint64(8, BigInt(ptr(program)), true);
  view.setBigUint64(16, BigInt(ptr(LICENSE)), true);
  return view;
}

/** target_fd, attach_bpf_fd, attach_type, attach_flags: one program, which a later one replaces. */
function attachAttributes(cgroup: number, program: number, flags: number): DataView {
  const view = new DataView(new ArrayBuffer(ATTRIBUTE_BYTES));
  view.setUint32(0, cgroup, true);
  view.setUint32(4, program, true);
  view.setUint32(8, BPF_CGROUP_DEVICE, true);
  view.setUint32(12, flags, true);
  return view;
}
